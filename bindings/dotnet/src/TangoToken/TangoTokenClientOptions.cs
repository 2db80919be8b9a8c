using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace TangoToken;

/// <summary>
/// The settings of a <see cref="TangoTokenClient"/>, whose constructor checks them and names everything that is missing
/// or wrong. An option that is <c>null</c> is not set.
/// </summary>
/// <remarks>
/// Pure data, which <c>Microsoft.Extensions.Configuration</c> can bind. A DPoP key and a custom cache are arguments of
/// the client's constructor. Neither <c>ToString</c> nor the JSON of <c>System.Text.Json</c> or <c>Newtonsoft.Json</c>
/// contains a secret.
/// </remarks>
/// <example>
/// <code>
/// var options = new TangoTokenClientOptions
/// {
///     Environment = TangoEnvironment.Production,
///     ClientId = "...",
///     ClientSecret = secrets["tango-client-secret"],
///     Username = "...",
///     Password = secrets["tango-password"],
///     Cache = "file",
/// };
/// using var client = new TangoTokenClient(options);
/// </code>
/// </example>
[DebuggerDisplay("{ToString(),nq}")]
public sealed partial class TangoTokenClientOptions : ITuple
{
    /// <summary>
    /// Whether options that are not set are read from the <c>TANGO_*</c> variables of the environment with which the
    /// process was started. Default: no.
    /// </summary>
    public bool UseEnvironmentVariables { get; set; }

    /// <summary>Returns what identifies the client, never a secret.</summary>
    public override string ToString()
    {
        IEnumerable<string> parts =
        [
            $"ClientId = {ClientId ?? "(not set)"}",
            $"Username = {Username ?? "(not set)"}",
            Environment is { } environment ? $"Environment = {environment}" : $"TokenUrl = {TokenUrl ?? "(not set)"}",
            .. Proxy is null ? [] : new[] { $"Proxy = {WithoutUserInfo(Proxy)}" },
            .. Cache is null ? [] : new[] { $"Cache = {string.Join(' ', Cache.Split(' ').Select(WithoutUserInfo))}" },
            .. UseEnvironmentVariables ? new[] { "others from the environment" } : [],
        ];
        return $"{nameof(TangoTokenClientOptions)} {{ {string.Join(", ", parts)} }}";
    }

    // Serilog and others take an object apart by its properties, unless it is a tuple.
    int ITuple.Length => 1;

    object? ITuple.this[int index] => ToString();

    private static string WithoutUserInfo(string address) =>
        !address.Contains('@') ? address
            : Uri.TryCreate(address, UriKind.Absolute, out Uri? url) && !url.AbsolutePath.Contains('@')
                ? url.GetComponents(UriComponents.Scheme | UriComponents.HostAndPort, UriFormat.UriEscaped)
                : "(hidden)";
}
