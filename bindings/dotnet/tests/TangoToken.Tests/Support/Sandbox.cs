using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net.Http;
using System.Text;
using System.Text.RegularExpressions;

namespace TangoToken.Tests
{
    /// <summary>A tango-sandbox that ends with its test.</summary>
    internal sealed class Sandbox : IDisposable
    {
        private static readonly HttpClient Http = new HttpClient();
        private readonly Process process;
        private readonly Dictionary<string, string> variables = new Dictionary<string, string>();

        private Sandbox(string arguments)
        {
            string options = "--until-stdin-closes --format json " + arguments;
            process = Processes.Start(Processes.Required("TANGO_SANDBOX"), options);
            string json = process.StandardOutput.ReadLine();
            Check.That(json != null, "the sandbox starts");
            // One object of strings, without a dependency for it.
            foreach (Match pair in Regex.Matches(json, "\"(\\w+)\":\"((?:[^\"\\\\]|\\\\.)*)\""))
                variables[pair.Groups[1].Value] = Regex.Unescape(pair.Groups[2].Value);
            // The server logs a line per request, and would block on a full pipe.
            process.BeginErrorReadLine();
        }

        internal static Sandbox Start(string arguments = "")
        {
            return new Sandbox(arguments);
        }

        internal IDictionary<string, string> Variables { get { return variables; } }

        internal string ApiUrl { get { return variables["TANGO_API_URL"]; } }

        /// <summary>The options of a client that uses the server.</summary>
        internal TangoClientOptions Options()
        {
            return new TangoClientOptions
            {
                TokenUrl = variables["TANGO_TOKEN_URL"],
                ApiUrl = ApiUrl,
                CaFile = variables["TANGO_CA_FILE"],
                Proxy = variables["TANGO_PROXY"],
                ClientId = variables["TANGO_CLIENT_ID"],
                ClientSecret = variables["TANGO_CLIENT_SECRET"],
                Username = variables["TANGO_USERNAME"],
                Password = variables["TANGO_PASSWORD"],
            };
        }

        internal TangoClient Client()
        {
            return new TangoClient(Options());
        }

        internal int Count(string statistic)
        {
            return int.Parse(Regex.Match(Get("/stats"), "\"" + statistic + "\":\\s*(\\d+)").Groups[1].Value);
        }

        internal int TokenRequests { get { return Count("token_requests"); } }

        /// <summary>The requests that the server got, secrets included, as JSON.</summary>
        internal string Requests { get { return Get("/requests"); } }

        /// <summary>Resets the server, then queues these responses, a JSON array.</summary>
        internal void Script(string responses)
        {
            Post("/reset", "");
            Post("/responses", responses);
        }

        /// <summary>Holds every response until <see cref="Release"/>.</summary>
        internal void Hold() { Post("/hold", ""); }

        internal void Release() { Post("/release", ""); }

        internal void Revoke() { Post("/revoke", ""); }

        internal void RotateNonces() { Post("/rotate-nonces", ""); }

        /// <summary>Calls the API over TLS with these headers. Returns the status and the body of the response.</summary>
        internal string Call(string url, Authorization authorization)
        {
            string arguments = "get " + url + " --ca-file " + variables["TANGO_CA_FILE"];
            using (Process call = Processes.Start(Processes.Required("TANGO_SANDBOX"), arguments))
            {
                call.StandardInput.Write("Authorization: " + authorization.Value + "\n");
                if (authorization.Dpop != null)
                    call.StandardInput.Write("DPoP: " + authorization.Dpop + "\n");
                call.StandardInput.Close();
                return call.StandardOutput.ReadToEnd();
            }
        }

        private string Get(string path)
        {
            return Http.GetStringAsync(variables["TANGO_SANDBOX_CONTROL_URL"] + path).GetAwaiter().GetResult();
        }

        private void Post(string path, string json)
        {
            var content = new StringContent(json, Encoding.UTF8, "application/json");
            string url = variables["TANGO_SANDBOX_CONTROL_URL"] + path;
            using (HttpResponseMessage response = Http.PostAsync(url, content).GetAwaiter().GetResult())
                Check.That(response.IsSuccessStatusCode, response.Content.ReadAsStringAsync().GetAwaiter().GetResult());
        }

        public void Dispose()
        {
            process.StandardInput.Close();
            process.WaitForExit();
            process.Dispose();
        }
    }
}
