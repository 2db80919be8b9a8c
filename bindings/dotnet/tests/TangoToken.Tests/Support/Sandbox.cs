using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net.Http;
using System.Text;
using System.Text.RegularExpressions;

namespace TangoToken.Tests
{
    /// <summary>A tango-sandbox of the test's own, over TLS, which ends with it.</summary>
    internal sealed class Sandbox : IDisposable
    {
        private static readonly HttpClient Http = new HttpClient();
        private readonly Process process;
        private readonly Dictionary<string, string> variables = new Dictionary<string, string>();

        private Sandbox(string arguments)
        {
            process = Processes.Start(Processes.Required("TANGO_SANDBOX"), "--until-stdin-closes " + arguments);
            while (!variables.ContainsKey("TANGO_SANDBOX_CONTROL_URL"))
            {
                string line = process.StandardOutput.ReadLine();
                Check.That(line != null, "the sandbox starts");
                int equals = line.IndexOf('=');
                variables[line.Substring(0, equals)] = Unquoted(line.Substring(equals + 1));
            }
            // It says a line for each request, and would wait once the pipe is full.
            process.BeginErrorReadLine();
        }

        internal static Sandbox Start(string arguments = "")
        {
            return new Sandbox(arguments);
        }

        internal IDictionary<string, string> Variables { get { return variables; } }

        internal string ApiUrl { get { return variables["TANGO_API_URL"]; } }

        /// <summary>What a program needs to use it.</summary>
        internal TangoClientOptions Options()
        {
            return new TangoClientOptions
            {
                TokenUrl = variables["TANGO_TOKEN_URL"],
                ApiUrl = ApiUrl,
                CaFile = variables["TANGO_CA_FILE"],
                Proxy = "none",
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

        /// <summary>The requests that came, secrets included, as JSON.</summary>
        internal string Requests { get { return Get("/requests"); } }

        /// <summary>Forgets everything, then gives these answers, a JSON array, to the next token requests.</summary>
        internal void Script(string answers)
        {
            Post("/reset", "");
            Post("/answers", answers);
        }

        internal void Revoke() { Post("/revoke", ""); }

        internal void RotateNonces() { Post("/rotate-nonces", ""); }

        /// <summary>Calls its API over TLS with these headers; what came back, the status first.</summary>
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
            using (HttpResponseMessage answer = Http.PostAsync(url, content).GetAwaiter().GetResult())
                Check.That(answer.IsSuccessStatusCode, answer.Content.ReadAsStringAsync().GetAwaiter().GetResult());
        }

        public void Dispose()
        {
            process.StandardInput.Close();
            process.WaitForExit();
            process.Dispose();
        }

        /// <summary>Undoes the quoting of a POSIX shell, as far as the sandbox uses it.</summary>
        private static string Unquoted(string value)
        {
            return value.StartsWith("'") ? value.Substring(1, value.Length - 2).Replace("'\\''", "'") : value;
        }
    }
}
