using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace TangoToken.Tests.Support;

/// <summary>Programs that tests start.</summary>
internal static class Processes
{
    /// <summary>The <c>dotnet</c> of the runtime that runs the tests.</summary>
    private static readonly string Dotnet =
        Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    internal static string Required(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"{variable} is not set, as scripts/test-dotnet.sh does.");

    internal static Process Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        foreach ((string name, string? value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Starts a .NET program that lies beside the tests, on the runtime that runs them.</summary>
    internal static Process StartManaged(
        string name, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null) =>
        Start(Dotnet, [Path.Combine(AppContext.BaseDirectory, name + ".dll"), .. arguments], environment);

    /// <summary>Runs a .NET program to its end, and returns what it printed and its exit code.</summary>
    internal static async Task<string> RunManagedAsync(
        string name, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        using Process process = StartManaged(name, arguments, environment);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return $"{await output}{await errors}exit code {process.ExitCode}";
    }

    /// <summary>Runs a command of the program that tests start for what concerns a whole process.</summary>
    internal static Task<string> RunTestProgramAsync(
        string command, IReadOnlyDictionary<string, string?>? environment = null, params string[] arguments) =>
        RunManagedAsync("TestProgram", [command, .. arguments], environment);
}
