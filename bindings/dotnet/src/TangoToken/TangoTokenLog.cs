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
    private static volatile Action<TangoTokenLogLevel, string>? current;
    private static bool isUnhookedOnUnload;

    /// <summary>Sends the log to a function, which replaces the earlier one.</summary>
    /// <param name="maximumLevel">The most verbose level to send.</param>
    /// <param name="receiver">
    /// Receives the level and the message of each line, one after the other, on the library's log thread. A slow one
    /// delays no call; while 1,000 lines wait for it, further ones are dropped and counted. It must not wait for a
    /// token; its exceptions are ignored. <c>null</c> stops the log. The earlier function first gets the lines that
    /// wait for it, unless that takes longer than a second.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The level is not a <see cref="TangoTokenLogLevel"/>.</exception>
    public static void SetReceiver(TangoTokenLogLevel maximumLevel, Action<TangoTokenLogLevel, string>? receiver)
    {
        if (!Enum.IsDefined(maximumLevel))
            throw new ArgumentOutOfRangeException(
                nameof(maximumLevel), maximumLevel, "The value is not a TangoTokenLogLevel.");
        NativeLibraryLoader.Load();
        lock (Gate)
        {
            UnhookOnUnload();
            Action<TangoTokenLogLevel, string>? before = current;
            // A first function is there before its first line; a later one comes after the lines of the earlier one.
            if (before is null)
                current = receiver;
            TangoTokenErrorCode status = NativeMethods.tango_log_set_callback(
                (int)maximumLevel, receiver is null ? null : &Receive, 0, out nint error);
            current = status == TangoTokenErrorCode.None ? receiver : before;
            status.ThrowIfFailed(error);
        }
    }

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
            if (current is null)
                return;
            current = null;
            NativeMethods.tango_log_set_callback((int)TangoTokenLogLevel.Error, null, 0, out _);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Receive(nint userData, int level, byte* message)
    {
        using CallbackScope scope = CallbackScope.Enter();
        try
        {
            current?.Invoke((TangoTokenLogLevel)level, Utf8StringMarshaller.ConvertToManaged(message)!);
        }
        catch (Exception)
        {
            // No exception may leave a callback, and a log cannot report its own failure.
        }
    }
}
