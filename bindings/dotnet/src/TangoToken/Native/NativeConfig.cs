using System.Globalization;
using System.Text.RegularExpressions;

namespace TangoToken.Native;

/// <summary>Passes options to the native library.</summary>
internal static partial class NativeConfig
{
    private delegate TangoTokenErrorCode StringSetter(ConfigHandle config, string? value, out nint error);
    private delegate TangoTokenErrorCode NumberSetter(ConfigHandle config, int value, out nint error);
    private delegate TangoTokenErrorCode MillisecondsSetter(ConfigHandle config, uint value, out nint error);

    /// <summary>Creates a client of the native library.</summary>
    internal static ClientHandle CreateClient(
        TangoTokenClientOptions options, DpopKeyHandle? key, CacheCallbacks? cache, CallbackFailures failures)
    {
        using var config = new ConfigHandle(NativeMethods.tango_config_new());
        SetOptions(config, options);
        if (key is not null)
            NativeMethods.tango_config_set_dpop_key(config, key, out nint error).ThrowIfFailed(error);
        cache?.AddTo(config);
        if (options.UseEnvironmentVariables)
            NativeMethods.tango_config_load_env(config, out nint loadError).ThrowIfFailed(loadError);
        NativeMethods.tango_client_new(config, out nint client, out nint clientError)
            .ThrowIfFailed(clientError, failures);
        return new ClientHandle(client);
    }

    /// <summary>Uses the names of .NET where a message of the library names options and functions of C.</summary>
    internal static string WithPropertyNames(string message)
    {
        message = OptionName().Replace(message, static found => NameOf(found.Value));
        return CacheFunction().Replace(message, static found => $"{nameof(ITangoTokenCache)}.{MethodOf(found)}");
    }

    // The key is no option here: an argument of the constructor, or a service.
    private static string NameOf(string option) =>
        option == "dpop_key" ? nameof(DpopKey) : Properties.GetValueOrDefault(option, option);

    private static string MethodOf(Match function) => function.Groups[1].Value switch
    {
        "load" => nameof(ITangoTokenCache.Get),
        "save" => nameof(ITangoTokenCache.Set),
        "lock" => nameof(ITangoTokenCache.TryLock),
        _ => nameof(ITangoTokenCache.Unlock),
    };

    // A name of several words anywhere, one of a single word only where the library names what to change: `scope` is an
    // English word as well.
    [GeneratedRegex(
        @"(?<![\w/.-])[a-z]+(_[a-z]+)+(?![\w-])"
        + @"|(?<=^|[:;] )[a-z]+(?=[ :])|\bdpop(?= is not:)"
        + @"|(?<=\bset |check |token_url, |, audience, |client_secret, |client_secret, username and )[a-z]+")]
    private static partial Regex OptionName();

    [GeneratedRegex(@"(?:the program's|its) function (load|save|lock|unlock)\b")]
    private static partial Regex CacheFunction();

    private static void Set(ConfigHandle config, string? value, string name, StringSetter set)
    {
        if (value is null)
            return;
        Utf8StringMarshaller.Require(value, name);
        set(config, value, out nint error).ThrowIfFailed(error);
    }

    private static void Set(ConfigHandle config, IList<string> values, string name, StringSetter set)
    {
        foreach (string value in values)
            Set(config, value ?? throw new ArgumentException("An element is null.", name), name, set);
    }

    private static void Set<T>(ConfigHandle config, T? value, string name, NumberSetter set) where T : struct, Enum
    {
        if (value is not { } number)
            return;
        if (!Enum.IsDefined(number))
            throw new ArgumentOutOfRangeException(name, number, $"The value is not a {typeof(T).Name}.");
        set(config, Convert.ToInt32(number, CultureInfo.InvariantCulture), out nint error).ThrowIfFailed(error);
    }

    private static void Set(ConfigHandle config, bool? value, string name, NumberSetter set)
    {
        if (value is { } isOn)
            set(config, isOn ? 1 : 0, out nint error).ThrowIfFailed(error);
    }

    private static void Set(ConfigHandle config, TimeSpan? value, string name, MillisecondsSetter set)
    {
        if (value is not { } time)
            return;
        if (time <= TimeSpan.Zero || time > MaximumTimeout)
            throw new ArgumentOutOfRangeException(name, time, "The time limit has to be 1 ms to 10 minutes.");
        // A time limit of less than a millisecond becomes one.
        set(config, (uint)double.Ceiling(time.TotalMilliseconds), out nint error).ThrowIfFailed(error);
    }

    private static readonly TimeSpan MaximumTimeout = TimeSpan.FromMinutes(10);
}
