using System;
using System.Diagnostics;
using System.IO;
using System.Threading;

namespace TangoToken.Tests
{
    /// <summary>A key that signs with the openssl command only, and so stays outside of this process, as in an HSM.</summary>
    internal sealed class OpenSsl
    {
        private readonly string file;
        private int signatures;

        internal OpenSsl(string directory, DpopAlgorithm algorithm)
        {
            file = Path.Combine(directory, algorithm + ".pem");
            Run("genpkey -out " + file + (algorithm == DpopAlgorithm.RS256
                ? " -algorithm RSA -pkeyopt rsa_keygen_bits:2048"
                : " -algorithm EC -pkeyopt ec_paramgen_curve:P-256"), new byte[0]);
            using (DpopKey key = DpopKey.FromFile(file))
                PublicJwk = key.PublicJwk;
        }

        internal string PublicJwk { get; private set; }

        internal int Signatures { get { return Volatile.Read(ref signatures); } }

        internal bool IsGone { get; set; }

        /// <summary>Returns a signature in DER for ECDSA, in PKCS#1 v1.5 for RSA.</summary>
        internal byte[] Sign(byte[] message)
        {
            if (IsGone)
                throw new InvalidOperationException("the HSM is gone");
            byte[] signature = Run("dgst -sha256 -sign " + file, message);
            Interlocked.Increment(ref signatures);
            return signature;
        }

        private static byte[] Run(string arguments, byte[] input)
        {
            using (Process process = Processes.Start("openssl", arguments))
            {
                process.StandardInput.BaseStream.Write(input, 0, input.Length);
                process.StandardInput.Close();
                var output = new MemoryStream();
                process.StandardOutput.BaseStream.CopyTo(output);
                string errors = process.StandardError.ReadToEnd();
                process.WaitForExit();
                Check.Equal(0, process.ExitCode, errors);
                return output.ToArray();
            }
        }
    }
}
