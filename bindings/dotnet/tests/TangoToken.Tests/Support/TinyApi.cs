using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace TangoToken.Tests
{
    internal sealed class ApiRequest
    {
        internal string Method, Path, Body;
        internal readonly Dictionary<string, string> Headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

        internal string Header(string name)
        {
            string value;
            return Headers.TryGetValue(name, out value) ? value : null;
        }

        /// <summary>The payload of the DPoP proof, as JSON.</summary>
        internal string Proof
        {
            get
            {
                string text = Header("DPoP").Split('.')[1].Replace('-', '+').Replace('_', '/');
                return Encoding.UTF8.GetString(Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '=')));
            }
        }
    }

    /// <summary>An API over plain HTTP on loopback whose responses (head, blank line and body) a test chooses.</summary>
    internal sealed class TinyApi : IDisposable
    {
        private readonly TcpListener listener = new TcpListener(IPAddress.Loopback, 0);
        private readonly Func<ApiRequest, string> respond;
        private readonly List<ApiRequest> requests = new List<ApiRequest>();

        internal TinyApi(Func<ApiRequest, string> respond)
        {
            this.respond = respond;
            listener.Start();
            Url = "http://127.0.0.1:" + ((IPEndPoint)listener.LocalEndpoint).Port + "/";
            Task.Run((Func<Task>)Listen);
        }

        internal string Url { get; private set; }

        internal List<ApiRequest> Requests
        {
            get
            {
                lock (requests)
                    return requests.ToList();
            }
        }

        public void Dispose()
        {
            listener.Stop();
        }

        internal static string Response(string status, string body, params string[] headers)
        {
            string head = "HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: " + Encoding.UTF8.GetByteCount(body) + "\r\n";
            return head + string.Concat(headers.Select(header => header + "\r\n")) + "\r\n" + body;
        }

        private async Task Listen()
        {
            try
            {
                while (true)
                {
                    TcpClient connection = await listener.AcceptTcpClientAsync();
                    ThreadPool.QueueUserWorkItem(_ => Serve(connection));
                }
            }
            catch (Exception)
            {
                // The listener was stopped: the test is over.
            }
        }

        private void Serve(TcpClient connection)
        {
            using (connection)
            {
                NetworkStream stream = connection.GetStream();
                ApiRequest request = Read(new StreamReader(stream, new UTF8Encoding(false)));
                lock (requests)
                    requests.Add(request);
                byte[] bytes = Encoding.UTF8.GetBytes(respond(request));
                stream.Write(bytes, 0, bytes.Length);
            }
        }

        private static ApiRequest Read(StreamReader reader)
        {
            string[] first = reader.ReadLine().Split(' ');
            var request = new ApiRequest { Method = first[0], Path = first[1] };
            for (string line = reader.ReadLine(); line != ""; line = reader.ReadLine())
            {
                int colon = line.IndexOf(':');
                request.Headers[line.Substring(0, colon)] = line.Substring(colon + 1).Trim();
            }
            request.Body = request.Header("Transfer-Encoding") == null ? ReadLength(reader, request) : ReadChunks(reader);
            return request;
        }

        private static string ReadLength(StreamReader reader, ApiRequest request)
        {
            return ReadExactly(reader, int.Parse(request.Header("Content-Length") ?? "0"));
        }

        private static string ReadChunks(StreamReader reader)
        {
            var body = new StringBuilder();
            for (int size = ChunkSize(reader); size > 0; size = ChunkSize(reader))
            {
                body.Append(ReadExactly(reader, size));
                reader.ReadLine();
            }
            reader.ReadLine();
            return body.ToString();
        }

        private static int ChunkSize(StreamReader reader)
        {
            return Convert.ToInt32(reader.ReadLine(), 16);
        }

        // One character is one byte here: the bodies of the tests are ASCII.
        private static string ReadExactly(StreamReader reader, int length)
        {
            var characters = new char[length];
            int read = reader.ReadBlock(characters, 0, length);
            return new string(characters, 0, read);
        }
    }
}
