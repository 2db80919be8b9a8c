using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace TangoToken.Testing;

/// <summary>The process of tango-sandbox, which ends with its standard input.</summary>
internal sealed class SandboxProcess : IAsyncDisposable
{
    private const string NotFound =
        "The program tango-sandbox is not on the PATH. Install it with `pip install tango-token-sandbox`, or set "
        + "TANGO_SANDBOX to its path. Other packages that have it: "
        + "https://github.com/tango-token/tango-token/blob/main/sandbox/README.md#where-to-get-it";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    private readonly StringBuilder log = new();
    private readonly Process process;

    private SandboxProcess(Process process) => this.process = process;

    internal string Log
    {
        get
        {
            lock (log)
                return log.ToString();
        }
    }

    internal Dictionary<string, string> Variables { get; } = [];

    internal static async Task<SandboxProcess> StartAsync(
        IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        string? named = Environment.GetEnvironmentVariable("TANGO_SANDBOX");
        string program = string.IsNullOrEmpty(named) ? "tango-sandbox" : named;
        string[] all = ["--until-stdin-closes", "--format", "json", .. arguments];
        var start = new ProcessStartInfo(program, all)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw CannotStart(named, error);
        }
        var sandbox = new SandboxProcess(process);
        try
        {
            await sandbox.WaitUntilReadyAsync(cancellationToken).ConfigureAwait(false);
            return sandbox;
        }
        catch
        {
            await sandbox.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Returns the error for the program that TANGO_SANDBOX names, or that is not on the PATH.</summary>
    internal static TangoSandboxException CannotStart(string? named, Exception error) => new(
        string.IsNullOrEmpty(named)
            ? NotFound
            : $"TANGO_SANDBOX names {named}, which cannot be started: {error.Message}",
        error);

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        process.Dispose();
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        // A line for each request: a pipe that nobody reads would fill up.
        process.ErrorDataReceived += (_, line) =>
        {
            lock (log)
                log.AppendLine(line.Data);
        };
        process.BeginErrorReadLine();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StartLimit);
        string? json;
        try
        {
            json = await process.StandardOutput.ReadLineAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            cancellationToken.ThrowIfCancellationRequested();
            throw new TangoSandboxException($"{process.StartInfo.FileName} was not ready within {StartLimit}. {Log}");
        }
        if (json is null)
        {
            await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
            throw new TangoSandboxException(
                $"{process.StartInfo.FileName} ended before it was ready: {Log.Trim()}");
        }
        using JsonDocument variables = JsonDocument.Parse(json);
        foreach (JsonProperty variable in variables.RootElement.EnumerateObject())
            Variables[variable.Name] = variable.Value.GetString()!;
    }
}
