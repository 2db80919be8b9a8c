using System.Net.Http.Json;
using System.Runtime.CompilerServices;

namespace TangoToken.Http;

/// <summary>Tells content that can be sent again from content that would be empty the second time.</summary>
internal static class RepeatableContent
{
    /// <summary>
    /// Buffers JSON, which may be made of a sequence that can be read once only. It is small, and the most usual
    /// content of a request that an API rejects for its nonce.
    /// </summary>
    internal static async ValueTask BufferAsync(HttpContent? content, bool isAsync, CancellationToken cancellationToken)
    {
        if (content is JsonContent && !IsBuffered(content))
        {
            if (!isAsync)
                content.ReadAsStream(cancellationToken);
            else
                // An asynchronous sequence may ignore the cancellation.
                await LoadAsync(content, cancellationToken).UntilCancelled(cancellationToken).ConfigureAwait(false);
        }
        else if (IsMultipart(content))
        {
            foreach (HttpContent part in (MultipartContent)content!)
                await BufferAsync(part, isAsync, cancellationToken).ConfigureAwait(false);
        }
    }

#if NET9_0_OR_GREATER
    private static Task LoadAsync(HttpContent content, CancellationToken cancellationToken) =>
        content.LoadIntoBufferAsync(cancellationToken);
#else
    private static Task LoadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return content.LoadIntoBufferAsync();
    }
#endif

    // The types themselves: a derived one may hand out its bytes once only.
    internal static bool CanSendAgain(HttpContent? content)
    {
        if (content is null || IsBuffered(content))
            return true;
        if (IsMultipart(content))
            return ((MultipartContent)content).All(CanSendAgain);
        Type type = content.GetType();
        return type == typeof(ByteArrayContent) || type == typeof(StringContent)
            || type == typeof(FormUrlEncodedContent) || type == typeof(ReadOnlyMemoryContent);
    }

    private static bool IsMultipart(HttpContent? content) =>
        content?.GetType() is { } type
            && (type == typeof(MultipartContent) || type == typeof(MultipartFormDataContent));

    /// <summary>Whether the content was loaded into its buffer, from which it is then sent.</summary>
    private static bool IsBuffered(HttpContent content)
    {
        try
        {
            return ReadIsBuffered(content);
        }
        catch (MissingMethodException)
        {
            // A later .NET may have no such property any more. Then the content is not sent again.
            return false;
        }
    }

    // There is no public way to ask for it.
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_IsBuffered")]
    private static extern bool ReadIsBuffered(HttpContent content);
}
