namespace TangoToken.Tests.Support;

/// <summary>A directory that ends with its test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("tango-token-");

    internal string Path => directory.FullName;

    /// <summary>Writes a file, and returns its path.</summary>
    internal string Write(string name, string content)
    {
        string path = System.IO.Path.Combine(Path, name);
        File.WriteAllText(path, content);
        return path;
    }

    public void Dispose() => directory.Delete(recursive: true);
}
