using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;

namespace TangoToken.Tests
{
    public static class DpopTests
    {
        [Test]
        public static async Task Strict_server_issues_a_bound_token_and_a_nonce_challenge_asks_for_a_retry()
        {
            using (Sandbox sandbox = Sandbox.Start("--dpop strict --dpop-nonce required"))
            {
                TangoClientOptions options = sandbox.Options();
                options.Dpop = DpopMode.Required;
                string url = sandbox.ApiUrl + "/accounts";
                using (var client = new TangoClient(options))
                using (AccessToken token = await client.AcquireAsync())
                using (DpopKey key = token.GetDpopKey())
                using (Authorization first = await client.AuthorizeAsync("GET", url))
                {
                    Check.Equal("DPoP", token.TokenType);
                    Check.Equal(DpopAlgorithm.ES256, key.Algorithm);
                    Check.Contains("a nonce is required", sandbox.Call(url, first));
                    // sandbox.Call returns no headers, so the test makes up the nonce of the challenge.
                    Check.Equal(
                        TangoVerdict.Retry,
                        client.Observe(first, 401, "a-nonce", "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"", null));
                    using (Authorization again = await client.AuthorizeAgainAsync(first))
                        Check.That(again.Dpop != first.Dpop, "each request has its own proof");
                }
                Check.Equal(1, sandbox.Count("tokens_issued"));
            }
        }

        [Test]
        public static void API_accepts_the_headers_of_every_mode()
        {
            using (Sandbox sandbox = Sandbox.Start("--quota-window-seconds 0"))
                foreach (DpopMode mode in new[] { DpopMode.Off, DpopMode.Optional, DpopMode.Required })
                {
                    TangoClientOptions options = sandbox.Options();
                    options.Dpop = mode;
                    string url = sandbox.ApiUrl + "/accounts";
                    using (var client = new TangoClient(options))
                    using (Authorization authorization = client.Authorize("GET", url))
                    {
                        Check.Contains("sandbox-account", sandbox.Call(url, authorization));
                        Check.Equal(TangoVerdict.Done, client.Observe(authorization, 200, null, null, null));
                        Check.Equal(mode == DpopMode.Off, authorization.Dpop == null);
                        Check.Equal(mode == DpopMode.Off ? "Bearer authorization" : "DPoP authorization", authorization.ToString());
                    }
                }
        }

        [Test]
        public static void Bearer_token_is_refused_when_DPoP_is_required()
        {
            using (Sandbox sandbox = Sandbox.Start("--dpop-downgrade --quota-window-seconds 0"))
            {
                TangoClientOptions options = sandbox.Options();
                options.Dpop = DpopMode.Required;
                using (var client = new TangoClient(options))
                    Check.Fails(TangoStatus.Downgraded, () => client.Acquire());
                options.Dpop = DpopMode.Optional;
                using (var client = new TangoClient(options))
                using (AccessToken token = client.Acquire())
                    Check.Equal("Bearer", token.TokenType);
            }
        }

        [Test]
        public static void Key_is_the_same_when_written_and_read()
        {
            foreach (DpopAlgorithm algorithm in new[] { DpopAlgorithm.ES256, DpopAlgorithm.ES384, DpopAlgorithm.EdDSA })
                using (DpopKey made = DpopKey.Generate(algorithm))
                using (DpopKey read = DpopKey.FromPem(made.ToPem()))
                {
                    Check.Equal(algorithm, read.Algorithm);
                    Check.Equal(made.Thumbprint, read.Thumbprint);
                    Check.Equal(made.PublicJwk, read.PublicJwk);
                    Check.Contains(made.Thumbprint, made.ToString());
                    string path = Path.GetTempFileName();
                    File.WriteAllText(path, made.ToPem());
                    using (DpopKey filed = DpopKey.FromFile(path))
                        Check.Equal(made.Thumbprint, filed.Thumbprint);
                    File.Delete(path);
                }
            Check.Fails(TangoStatus.KeyRejected, () => DpopKey.FromPem("no key"));
            Check.Fails(TangoStatus.KeyRejected, () => DpopKey.FromJwk("{}"));
            Check.Fails(TangoStatus.InvalidArgument, () => DpopKey.FromPem(null));
            Check.Fails(TangoStatus.InvalidArgument, () => DpopKey.Generate((DpopAlgorithm)99));
            Check.Contains("/nowhere", Check.Fails(TangoStatus.KeyRejected, () => DpopKey.FromFile("/nowhere")).Message);
        }

        [Test]
        public static void CreateProof_includes_url_token_hash_and_nonce()
        {
            using (DpopKey key = DpopKey.Generate())
            {
                var request = new ApiRequest();
                request.Headers["DPoP"] = key.CreateProof("GET", "https://api.example/path?query", "a-token", "a-nonce");
                Check.Contains("\"htu\":\"https://api.example/path\"", request.Proof);
                Check.Contains("\"nonce\":\"a-nonce\"", request.Proof);
                Check.Contains("\"ath\":", request.Proof);
                Check.Fails(TangoStatus.InvalidArgument, () => key.CreateProof("GET", "not a URL"));
                key.Dispose();
                Check.Throws<ObjectDisposedException>(() => key.CreateProof("GET", "https://api.example/"));
            }
        }

        [Test]
        public static void Client_keeps_its_key_when_the_caller_disposes_it()
        {
            using (Sandbox sandbox = Sandbox.Start("--dpop strict"))
            {
                TangoClientOptions options = sandbox.Options();
                options.Dpop = DpopMode.Required;
                options.DpopKey = DpopKey.Generate(DpopAlgorithm.EdDSA);
                string thumbprint = options.DpopKey.Thumbprint;
                using (var client = new TangoClient(options))
                {
                    options.DpopKey.Dispose();
                    using (AccessToken token = client.Acquire())
                    using (DpopKey key = token.GetDpopKey())
                        Check.Equal(thumbprint, key.Thumbprint);
                }
            }
        }

        [Test]
        public static async Task Strict_server_accepts_proofs_of_a_custom_signer()
        {
            string directory = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
            Directory.CreateDirectory(directory);
            try
            {
                foreach (DpopAlgorithm algorithm in new[] { DpopAlgorithm.ES256, DpopAlgorithm.RS256 })
                {
                    var hsm = new OpenSsl(directory, algorithm);
                    await UseAndLose(hsm, algorithm);
                    Check.That(Handles.Settle(), "the signer is released with its key and its client: " + Handles.Describe());
                }
            }
            finally
            {
                Directory.Delete(directory, true);
            }
        }

        private static async Task UseAndLose(OpenSsl hsm, DpopAlgorithm algorithm)
        {
            using (Sandbox sandbox = Sandbox.Start("--dpop strict --quota-window-seconds 0"))
            {
                TangoClientOptions options = sandbox.Options();
                options.Dpop = DpopMode.Required;
                string url = sandbox.ApiUrl + "/accounts";
                using (options.DpopKey = DpopKey.FromSigner(algorithm, hsm.PublicJwk, hsm.Sign))
                using (var client = new TangoClient(options))
                {
                    Check.Equal(1, hsm.Signatures, "the check of the key");
                    using (AccessToken token = await client.AcquireAsync())
                    using (DpopKey key = token.GetDpopKey())
                    using (Authorization authorization = await client.AuthorizeAsync("GET", url))
                    {
                        Check.Equal(algorithm, key.Algorithm);
                        Check.Equal(options.DpopKey.Thumbprint, key.Thumbprint);
                        Check.Contains("sandbox-account", sandbox.Call(url, authorization));
                        Check.Fails(TangoStatus.KeyRejected, () => key.ToPem());
                        client.Invalidate(token);
                    }
                    Check.Equal(3, hsm.Signatures, "and one each for the token request and for the API call");

                    hsm.IsGone = true;
                    client.Acquire().Dispose(); // the suspect token, since no other can be requested
                    Check.Fails(TangoStatus.SigningFailed, () => client.Authorize("GET", url));
                    await Check.FailsAsync(TangoStatus.SigningFailed, () => client.AuthorizeAsync("GET", url));
                    Check.Fails(TangoStatus.SigningFailed, () => options.DpopKey.CreateProof("GET", url));
                }
            }
        }

        [Test]
        public static void FromSigner_fails_when_the_signer_throws_or_signs_wrongly()
        {
            string jwk;
            using (DpopKey key = DpopKey.Generate())
                jwk = key.PublicJwk;
            foreach (var row in new Dictionary<string, Func<byte[], byte[]>>
            {
                { "the HSM is gone", message => { throw new InvalidOperationException("the HSM is gone"); } },
                { "it returned null", message => null },
                { "it returned 1000000 bytes, and the limit is ", message => new byte[1000000] },
            })
            {
                Check.Contains(row.Key, Check.Fails(
                    TangoStatus.SigningFailed, () => DpopKey.FromSigner(DpopAlgorithm.ES256, jwk, row.Value)).Message);
            }
            bool called = false;
            Check.Throws<TangoTokenException>(() => DpopKey.FromSigner(DpopAlgorithm.ES256, jwk, message =>
            {
                called = message.Length > 0;
                return new byte[64];
            }));
            Check.That(called, "the signer receives a message");
            Check.Equal(0, Rooted.Live, "refused signers are released");
        }
    }
}
