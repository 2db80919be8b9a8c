using System.Diagnostics;

namespace TangoToken.Tests.Support;

/// <summary>
/// A key that signs with the openssl command only, and so stays outside of this process, as in an HSM.
/// </summary>
internal sealed class OpenSslKey
{
    private readonly string file;
    private int signatures;

    internal OpenSslKey(string directory, DpopAlgorithm algorithm)
    {
        file = Path.Combine(directory, algorithm + ".pem");
        string kind = algorithm == DpopAlgorithm.RS256
            ? "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"
            : "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
        Run($"genpkey -out {file} {kind}", []);
        using DpopKey key = DpopKey.FromFile(file);
        PublicJwk = key.PublicJwk;
    }

    internal string PublicJwk { get; }

    internal int Signatures => Volatile.Read(ref signatures);

    internal bool IsGone { get; set; }

    /// <summary>Returns a signature in DER for ECDSA, in PKCS#1 v1.5 for RSA.</summary>
    internal byte[] Sign(byte[] message)
    {
        if (IsGone)
            throw new InvalidOperationException("the HSM is gone");
        byte[] signature = Run($"dgst -sha256 -sign {file}", message);
        Interlocked.Increment(ref signatures);
        return signature;
    }

    private static byte[] Run(string arguments, byte[] input)
    {
        using Process process = Processes.Start("openssl", arguments.Split(' '));
        process.StandardInput.BaseStream.Write(input);
        process.StandardInput.Close();
        using var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
        return output.ToArray();
    }
}
