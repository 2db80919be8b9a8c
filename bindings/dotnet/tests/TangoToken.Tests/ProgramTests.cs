using System.Collections.Generic;

namespace TangoToken.Tests
{
    /// <summary>Complete programs that use the binding, in processes of their own.</summary>
    public static class ProgramTests
    {
        [Test]
        public static void Example_calls_an_API_with_a_bound_token()
        {
            using (Sandbox sandbox = Sandbox.Start("--dpop strict --dpop-nonce required"))
            using (var api = new TinyApi(request => request.Proof.Contains("\"nonce\":\"n1\"")
                ? TinyApi.Response("200 OK", "hello")
                : TinyApi.Response("401 Unauthorized", "", "WWW-Authenticate: DPoP error=\"use_dpop_nonce\"", "DPoP-Nonce: n1")))
            {
                Dictionary<string, string> environment = Environment(sandbox);
                environment["TANGO_API_URL"] = api.Url;
                environment["TANGO_DPOP"] = "required";
                string printed = Processes.RunManaged(Processes.Beside("Example.dll"), api.Url + "accounts", environment);
                Check.Contains("DPoP token for raas.all, expires in ", printed);
                Check.Contains("200 hello\n200 hello\n", printed);
                Check.Contains("exit code 0", printed);
                Check.Equal(3, api.Requests.Count, "a nonce is learned once");

                environment["TANGO_PASSWORD"] = "wrong";
                printed = Processes.RunManaged(Processes.Beside("Example.dll"), api.Url, environment);
                Check.Contains("CredentialsRefused: the server localhost:", printed);
                Check.Contains(" does not accept the credentials (HTTP 40", printed);
                Check.Contains("exit code 1", printed);
            }
        }

        [Test]
        public static void Program_exits_after_native_threads_called_managed_code()
        {
            using (Sandbox sandbox = Sandbox.Start("--quota-window-seconds 0"))
                foreach (string end in new[] { "return", "exit" })
                {
                    string printed = Probe.Start(end, Environment(sandbox));
                    Check.Contains("Bearer token for raas.all\nthe exit handler ran\n", printed);
                    Check.Contains("exit code 7", printed);
                }
        }

        [Test]
        public static void Conformance_runner_prints_a_result_for_each_line()
        {
            using (Sandbox sandbox = Sandbox.Start())
            using (var process = Processes.StartManaged(Processes.Beside("Conformance.dll"), "load_env", Environment(sandbox)))
            {
                process.StandardInput.Write(
                    "acquire\nacquire_async\nauthorize\tGET\t" + sandbox.ApiUrl + "/accounts\nobserve\t200\t\t\t\n"
                    + "authorize\tGET\thttps://other.example/\nset_credentials\t\t\tme\tpass\ninvalidate\n");
                process.StandardInput.Close();
                string[] lines = process.StandardOutput.ReadToEnd().Split('\n');
                process.WaitForExit();
                Check.Equal("{\"client\": true}", lines[0]);
                Check.Contains("{\"token\": {\"value\": \"", lines[1]);
                Check.Contains("\"type\": \"Bearer\", \"scope\": \"raas.all\", \"expires_in_seconds\": 863", lines[2]);
                Check.Contains("{\"authorization\": {\"value\": \"Bearer ", lines[3]);
                Check.Contains("\"dpop\": null}}", lines[3]);
                Check.Equal("{\"verdict\": \"done\"}", lines[4]);
                Check.Contains("{\"error\": {\"status\": \"TANGO_STATUS_INVALID_ARGUMENT\", \"message\": \"", lines[5]);
                Check.Contains("\"request_id\": null, \"retry_after_seconds\": null}}", lines[5]);
                Check.Equal("{\"done\": true}", lines[6]);
                Check.Equal("{\"done\": true}", lines[7]);
            }
        }

        private static Dictionary<string, string> Environment(Sandbox sandbox)
        {
            return new Dictionary<string, string>(sandbox.Variables);
        }
    }
}
