using System.Runtime.InteropServices;

namespace TangoToken.Tests;

/// <summary>
/// The error of a process whose native library is missing or is not the right one, and where it is found.
/// </summary>
public class LibraryTests
{
    private const string Variable = "TANGO_TOKEN_LIBRARY";

    [Fact]
    public async Task Error_names_the_directories_and_the_next_step_when_the_library_is_missing()
    {
        string output = await GenerateAsync(null);
        Assert.Contains("DllNotFoundException: libtango_token.so was not found in ", output, StringComparison.Ordinal);
        Assert.Contains(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), output, StringComparison.Ordinal);
        Assert.Contains(Variable, output, StringComparison.Ordinal);
        Assert.Contains("NuGet package TangoToken", output, StringComparison.Ordinal);
        Assert.Contains("exit code 3", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Error_names_the_variable_when_its_file_is_missing()
    {
        string output = await GenerateAsync("/nowhere/libtango_token.so");
        Assert.Contains(
            "DllNotFoundException: The native library cannot be loaded from /nowhere/libtango_token.so", output,
            StringComparison.Ordinal);
        Assert.Contains("Correct " + Variable, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Error_names_both_versions_when_the_ABI_differs()
    {
        string other = Processes.Required("TANGO_OTHER_ABI_LIBRARY");
        string output = await GenerateAsync(other);
        Assert.Contains($"DllNotFoundException: {other}", output, StringComparison.Ordinal);
        foreach (string part in new[] { "9.9.9", "ABI version 99", "needs version 1" })
            Assert.Contains(part, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Error_names_the_file_and_the_reason_when_it_is_not_the_library()
    {
        using var directory = new TemporaryDirectory();
        string text = directory.Write("libtango_token.so", new string('x', 10_000));
        string output = await GenerateAsync(text);
        Assert.Contains(
            $"DllNotFoundException: The native library cannot be loaded from {text}", output, StringComparison.Ordinal);
        Assert.Contains("invalid ELF header", output, StringComparison.Ordinal);

        // Another library, without a function of this one.
        string other = Directory.GetFiles(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so").Single();
        output = await GenerateAsync(other);
        Assert.Contains($"DllNotFoundException: {other}", output, StringComparison.Ordinal);
        Assert.Contains("not that of TangoToken", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Library_for_another_processor_is_named_as_such()
    {
        using var directory = new TemporaryDirectory();
        string file = Path.Combine(directory.Path, "libtango_token.so");
        byte[] library = await File.ReadAllBytesAsync(Processes.Required(Variable));
        // The machine of an ELF file: 183 is AArch64, 62 is x86-64.
        library[18] = (byte)(library[18] == 183 ? 62 : 183);
        await File.WriteAllBytesAsync(file, library);
        string output = await GenerateAsync(file);
        Assert.Contains($"cannot be loaded from {file}", output, StringComparison.Ordinal);
        Assert.Contains("another processor", output, StringComparison.Ordinal);
        Assert.DoesNotContain("No such file", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resolver_of_the_program_is_used()
    {
        string library = Processes.Required(Variable);
        string output = await Processes.RunTestProgramAsync("resolver", Places(null), library);
        Assert.Equal("a key was generated\nexit code 0", output);
        output = await Processes.RunTestProgramAsync("resolver", Places(null), "none");
        Assert.Contains("DllNotFoundException", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Assembly_that_is_loaded_by_its_path_finds_the_library_beside_it()
    {
        using var directory = new TemporaryDirectory();
        string assembly = Path.Combine(directory.Path, "TangoToken.dll");
        File.Copy(typeof(DpopKey).Assembly.Location, assembly);
        string native = Path.Combine(directory.Path, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");
        Directory.CreateDirectory(native);
        File.Copy(Processes.Required(Variable), Path.Combine(native, "libtango_token.so"));
        Assert.Equal(
            "a key was generated\nexit code 0",
            await Processes.RunTestProgramAsync("from", Places(null), assembly));
    }

    private static Task<string> GenerateAsync(string? library) =>
        Processes.RunTestProgramAsync("generate", Places(library));

    private static Dictionary<string, string?> Places(string? library) => new()
    {
        [Variable] = library,
        ["LD_LIBRARY_PATH"] = null,
    };
}
