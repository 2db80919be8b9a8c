using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using TangoToken.Native;

namespace TangoToken;

/// <summary>
/// The library's log, for the whole process: new tokens, retries, refusals, an unavailable cache. It never contains a
/// secret.
/// </summary>
/// <example>
/// <code>
/// TangoTokenLog.SetReceiver(
///     TangoTokenLogLevel.Info, (level, message) => Console.Error.WriteLine($"{level}: {message}"));
/// </code>
/// </example>
public static unsafe class TangoTokenLog
{
    private static readonly object Gate = new();
    private static volatile Action<TangoTokenLogRecord>? currentOfRecords;
    private static volatile Action<TangoTokenLogLevel, string>? current;
    private static bool isUnhookedOnUnload;

    /// <summary>Sends the log to a function, which replaces the earlier one of either kind.</summary>
    /// <param name="maximumLevel">The most verbose level to send.</param>
    /// <param name="receiver">
    /// Receives the level and the message of each line, one after the other, on the library's log thread. A slow one
    /// delays no call; while 1,000 lines wait for it, further ones are dropped and counted. It must not wait for a
    /// token; its exceptions are ignored. <c>null</c> stops the log. The earlier function first gets the lines that
    /// wait for it, unless that takes longer than a second. Lines that it gets are not written to standard error.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The level is <see cref="TangoTokenLogLevel.Off"/> or no <see cref="TangoTokenLogLevel"/>.
    /// </exception>
    public static void SetReceiver(TangoTokenLogLevel maximumLevel, Action<TangoTokenLogLevel, string>? receiver) =>
        Set(maximumLevel, receiver, null);

    /// <summary>Sends the log, with the fields of each line apart, to a function.</summary>
    /// <param name="maximumLevel">The most verbose level to send.</param>
    /// <param name="receiver">
    /// Receives the lines as that of <see cref="SetReceiver"/> does, which it replaces. <c>null</c> stops the log.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The level is <see cref="TangoTokenLogLevel.Off"/> or no <see cref="TangoTokenLogLevel"/>.
    /// </exception>
    public static void SetRecordReceiver(TangoTokenLogLevel maximumLevel, Action<TangoTokenLogRecord>? receiver) =>
        Set(maximumLevel, null, receiver);

    /// <summary>Writes the log to standard error, up to a level.</summary>
    /// <remarks>
    /// The library writes it itself, on its log thread, which alone waits for a slow reader. Without this call the
    /// environment variables <c>TANGO_LOG</c> (a level) and <c>TANGO_LOG_FORMAT</c> (<c>text</c> or <c>json</c>)
    /// decide, which the library reads with the first client or key. Lines that a receiver gets are not written.
    /// </remarks>
    /// <param name="maximumLevel">
    /// The most verbose level to write. <see cref="TangoTokenLogLevel.Off"/> stops it, after what waits is written or a
    /// second is over.
    /// </param>
    /// <param name="format">The form of each line.</param>
    /// <exception cref="ArgumentOutOfRangeException">The level or the format is unknown.</exception>
    public static void WriteToStandardError(
        TangoTokenLogLevel maximumLevel, TangoTokenLogFormat format = TangoTokenLogFormat.Text)
    {
        if (!Enum.IsDefined(maximumLevel))
            throw UnknownLevel(maximumLevel);
        if (!Enum.IsDefined(format))
            throw new ArgumentOutOfRangeException(nameof(format), format, "The value is not a TangoTokenLogFormat.");
        NativeLibraryLoader.Load();
        NativeMethods.tango_log_to_stderr((int)maximumLevel, (int)format, out nint error).ThrowIfFailed(error);
    }

    private static void Set(
        TangoTokenLogLevel maximumLevel,
        Action<TangoTokenLogLevel, string>? receiver,
        Action<TangoTokenLogRecord>? receiverOfRecords)
    {
        if (!Enum.IsDefined(maximumLevel) || maximumLevel == TangoTokenLogLevel.Off)
            throw UnknownLevel(maximumLevel);
        NativeLibraryLoader.Load();
        lock (Gate)
        {
            UnhookOnUnload();
            (Action<TangoTokenLogLevel, string>? before, Action<TangoTokenLogRecord>? beforeOfRecords) =
                (current, currentOfRecords);
            // A first function is there before its first line; a later one comes after the lines of the earlier one.
            current ??= receiver;
            currentOfRecords ??= receiverOfRecords;
            TangoTokenErrorCode status = receiverOfRecords is null
                ? NativeMethods.tango_log_set_callback(
                    (int)maximumLevel, receiver is null ? null : &Receive, 0, out nint error)
                : NativeMethods.tango_log_set_record_callback((int)maximumLevel, &ReceiveRecord, 0, out error);
            bool isSet = status == TangoTokenErrorCode.None;
            current = isSet ? receiver : before;
            currentOfRecords = isSet ? receiverOfRecords : beforeOfRecords;
            status.ThrowIfFailed(error);
        }
    }

    private static ArgumentOutOfRangeException UnknownLevel(TangoTokenLogLevel maximumLevel) =>
        new(nameof(maximumLevel), maximumLevel, "The value is not a TangoTokenLogLevel that can be used here.");

    // The library keeps the address of Receive, whose code goes when its load context is unloaded.
    private static void UnhookOnUnload()
    {
        if (isUnhookedOnUnload)
            return;
        isUnhookedOnUnload = true;
        if (AssemblyLoadContext.GetLoadContext(typeof(TangoTokenLog).Assembly) is { IsCollectible: true } context)
            context.Unloading += static _ => Unhook();
    }

    private static void Unhook()
    {
        lock (Gate)
        {
            if (current is null && currentOfRecords is null)
                return;
            current = null;
            currentOfRecords = null;
            NativeMethods.tango_log_set_callback((int)TangoTokenLogLevel.Error, null, 0, out _);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Receive(nint userData, int level, byte* message)
    {
        using CallbackScope scope = CallbackScope.Enter();
        try
        {
            current?.Invoke((TangoTokenLogLevel)level, Text(message));
        }
        catch (Exception)
        {
            // No exception may leave a callback, and a log cannot report its own failure.
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReceiveRecord(
        nint userData,
        int level,
        long unixMilliseconds,
        byte* target,
        byte* message,
        nuint count,
        byte** names,
        byte** values,
        int* types)
    {
        using CallbackScope scope = CallbackScope.Enter();
        try
        {
            if (currentOfRecords is not { } receiver)
                return;
            var fields = new KeyValuePair<string, object>[(int)count];
            for (int i = 0; i < fields.Length; i++)
                fields[i] = new(Text(names[i]), Typed(Text(values[i]), (LogType)types[i]));
            var time = DateTimeOffset.FromUnixTimeMilliseconds(unixMilliseconds);
            receiver(new TangoTokenLogRecord((TangoTokenLogLevel)level, time, Text(target), Text(message), fields));
        }
        catch (Exception)
        {
            // As above.
        }
    }

    private static string Text(byte* text) => Utf8StringMarshaller.ConvertToManaged(text)!;

    private static object Typed(string value, LogType type) => type switch
    {
        LogType.Integer when long.TryParse(
            value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) => number,
        LogType.Boolean => value == "true",
        _ => value,
    };
}
