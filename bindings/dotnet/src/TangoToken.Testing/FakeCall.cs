namespace TangoToken.Testing;

/// <summary>A call of a member of <see cref="FakeTangoTokenClient"/>.</summary>
public sealed class FakeCall
{
    internal FakeCall(string member, HttpMethod? method = null, Uri? uri = null)
    {
        Member = member;
        Method = method;
        Uri = uri;
    }

    /// <summary>Gets the name of the member, such as <c>GetTokenAsync</c>.</summary>
    public string Member { get; }

    /// <summary>Gets the method of the request, for <c>Authorize</c> and <c>AuthorizeAsync</c>.</summary>
    public HttpMethod? Method { get; }

    /// <summary>Gets the URL of the request, for <c>Authorize</c> and <c>AuthorizeAsync</c>.</summary>
    public Uri? Uri { get; }

    /// <summary>Returns the member and the request.</summary>
    public override string ToString() => $"{Member} {Method} {Uri}".TrimEnd();
}
