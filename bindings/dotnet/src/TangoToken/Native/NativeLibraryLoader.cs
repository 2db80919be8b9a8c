using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory | DllImportSearchPath.SafeDirectories)]

namespace TangoToken.Native;

/// <summary>
/// Finds the native library before its first use, and says what to do if it cannot be loaded.
/// </summary>
/// <remarks>
/// If <c>TANGO_TOKEN_LIBRARY</c> names a file, that one is loaded. Otherwise the runtime searches as for every import:
/// in the package's <c>runtimes/RID/native</c>, in the directory of the assembly and of the program, and where the
/// loader of the system searches. A program that has set a resolver for this assembly is in charge instead.
/// </remarks>
internal static class NativeLibraryLoader
{
    private const string Variable = "TANGO_TOKEN_LIBRARY";
    private static readonly object Gate = new();
    private static volatile bool isLoaded;
    private static bool isResolverSet;
    private static bool hasProgramResolver;
    private static string? loadedFrom;

    /// <summary>Loads the library, if that was not done before.</summary>
    /// <exception cref="DllNotFoundException">
    /// There is no library, or it is not the one that this assembly needs.
    /// </exception>
    /// <exception cref="PlatformNotSupportedException">There is none for this system.</exception>
    internal static void Load()
    {
        if (isLoaded)
            return;
        lock (Gate)
        {
            if (isLoaded)
                return;
            SetResolver();
            RequireAbiVersion(ReadAbiVersion());
            isLoaded = true;
        }
    }

    private static void SetResolver()
    {
        if (isResolverSet)
            return;
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, Resolve);
        }
        catch (InvalidOperationException)
        {
            // There is one resolver for each assembly: the program has set its own.
            hasProgramResolver = true;
        }
        isResolverSet = true;
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name != NativeMethods.Library)
            return 0;
        string? named = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(named))
        {
            loadedFrom = named;
            return NativeLibrary.Load(named);
        }
        if (NativeLibrary.TryLoad(name, assembly, search, out nint library))
            return library;
        // What an assembly that was loaded by its path has beside it in a package, and what the runtime does not
        // search.
        return Candidates().Select(file => NativeLibrary.TryLoad(file, out nint found) ? found : 0)
            .FirstOrDefault(found => found != 0);
    }

    private static int ReadAbiVersion()
    {
        try
        {
            return NativeMethods.tango_abi_version();
        }
        catch (DllNotFoundException cause)
        {
            throw NotLoaded(cause);
        }
        catch (BadImageFormatException cause)
        {
            throw NotLoaded(cause);
        }
        catch (EntryPointNotFoundException cause)
        {
            throw new DllNotFoundException(
                $"{LoadedFrom} is a library, but not that of TangoToken: it has no function tango_abi_version. "
                + NextStep, cause);
        }
    }

    private static void RequireAbiVersion(int found)
    {
        string? version = NativeMethods.tango_version();
        if (found != NativeMethods.AbiVersion)
            throw new DllNotFoundException(
                $"{LoadedFrom}, version {version}, has ABI version {found}, and this assembly needs version "
                + $"{NativeMethods.AbiVersion}. Install TangoToken and its native library from the same release.");
        // A later release of the same ABI version has more functions, never fewer.
        string needed = typeof(NativeMethods).Assembly.GetName().Version!.ToString(3);
        if (Version.TryParse(version, out Version? given) && given < Version.Parse(needed))
            throw new DllNotFoundException(
                $"{LoadedFrom} is version {version}, and this assembly needs version {needed} or later. Install "
                + "TangoToken and its native library from the same release.");
    }

    private static Exception NotLoaded(Exception cause)
    {
        if (loadedFrom is not null)
            return new DllNotFoundException(
                $"The native library cannot be loaded from {loadedFrom}, which {Variable} names: "
                + $"{ReasonOf(loadedFrom, cause)} Correct {Variable}, or remove it to search for the library.", cause);
        string resolver =
            hasProgramResolver ? "The program's own resolver for this assembly returned no library. " : "";
        string? unusable = Candidates().FirstOrDefault(File.Exists);
        if (unusable is not null)
            return new DllNotFoundException(
                $"{resolver}The native library cannot be loaded from {unusable}: {ReasonOf(unusable, cause)} "
                + NextStep, cause);
        string problem = $"{resolver}{FileName} was not found in {string.Join(", ", Directories())}, nor where the "
            + $"loader of the system searches. {NextStep}";
        return IsBuiltForThisSystem
            ? new DllNotFoundException(problem, cause)
            : new PlatformNotSupportedException(
                $"TangoToken has no native library for {RuntimeInformation.RuntimeIdentifier}. {problem}", cause);
    }

    /// <summary>Returns what the system's loader says of one file.</summary>
    private static string ReasonOf(string file, Exception otherwise)
    {
        if (Path.IsPathRooted(file) && !File.Exists(file))
            return "There is no such file.";
        if (IsForAnotherProcessor(file))
            return $"The file was built for another processor than {RuntimeInformation.ProcessArchitecture}.";
        try
        {
            NativeLibrary.Free(NativeLibrary.Load(file));
            return Sentence(otherwise.Message);
        }
        catch (Exception cause) when (cause is DllNotFoundException or BadImageFormatException)
        {
            return Sentence(cause.Message);
        }
    }

    // The loader of Linux passes over such a file, and says that there is none.
    private static bool IsForAnotherProcessor(string file)
    {
        ushort expected = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => 62,
            Architecture.Arm64 => 183,
            _ => 0,
        };
        Span<byte> header = stackalloc byte[20];
        if (expected == 0 || !OperatingSystem.IsLinux() || !File.Exists(file))
            return false;
        using FileStream stream = File.OpenRead(file);
        // An ELF file names its machine in two bytes at 18.
        return stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) == header.Length
            && header.StartsWith("\u007fELF"u8)
            && BinaryPrimitives.ReadUInt16LittleEndian(header[18..]) != expected;
    }

    /// <summary>Leaves out how .NET advises to search for the cause, because the cause follows.</summary>
    private static string Sentence(string message)
    {
        const string Advice = "LD_DEBUG environment variable:";
        int cause = message.IndexOf(Advice, StringComparison.Ordinal);
        string sentence = (cause < 0 ? message : message[(cause + Advice.Length)..]).ReplaceLineEndings(" ").Trim();
        return sentence.EndsWith('.') ? sentence : sentence + ".";
    }

    private static IEnumerable<string> Candidates() =>
        Directories().Select(directory => Path.Combine(directory, FileName));

    private static IEnumerable<string> Directories()
    {
        string rid = RuntimeInformation.RuntimeIdentifier;
        string[] roots = [AssemblyDirectory, AppContext.BaseDirectory];
        string[] searched = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return roots.Where(root => root.Length > 0)
            .SelectMany(root => new[] { root, Path.Combine(root, "runtimes", rid, "native") })
            .Concat(searched)
            .Select(directory => Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)))
            .Distinct();
    }

    private static string LoadedFrom =>
        loadedFrom ?? (hasProgramResolver ? "The file that the program's own resolver returned" : FileName);

    private static string AssemblyDirectory
    {
        [UnconditionalSuppressMessage(
            "SingleFile", "IL3000", Justification = "Empty in a single file: its libraries lie beside it.")]
        get => Path.GetDirectoryName(typeof(NativeMethods).Assembly.Location) ?? "";
    }

    private static bool IsBuiltForThisSystem => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => OperatingSystem.IsLinux() || OperatingSystem.IsWindows() || OperatingSystem.IsMacOS(),
        Architecture.Arm64 => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(),
        _ => false,
    };

    private static string FileName =>
        OperatingSystem.IsWindows() ? "tango_token.dll"
            : OperatingSystem.IsMacOS() ? "libtango_token.dylib"
            : "libtango_token.so";

    private static string NextStep =>
        $"Reference the NuGet package TangoToken, which contains the library, put {FileName} into the directory of the "
        + $"program, or name the file in the environment variable {Variable}.";
}
