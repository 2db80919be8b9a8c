namespace TangoToken.Native;

/// <summary>The method and the URL of a request, as they are sent and as a proof names them.</summary>
internal readonly record struct RequestTarget(string Method, string Url)
{
    internal static RequestTarget Of(HttpMethod method, Uri uri)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(uri);
        if (!uri.IsAbsoluteUri)
            throw new ArgumentException("The URI has to be absolute.", nameof(uri));
        return new RequestTarget(AsSent(method), uri.AbsoluteUri);
    }

    // HttpClient sends the methods that it knows in capital letters, however they are written, and others as they are.
    private static string AsSent(HttpMethod method) =>
        ReferenceEquals(method, HttpMethod.Get) ? "GET" : HttpMethod.Parse(method.Method).Method;
}
