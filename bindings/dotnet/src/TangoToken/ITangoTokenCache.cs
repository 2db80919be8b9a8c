namespace TangoToken;

/// <summary>
/// A custom shared cache, such as a database, in which the processes of a fleet share one token.
/// </summary>
/// <remarks>
/// The library calls the methods on its own threads, several at once, and gives up on a call after five seconds. So a
/// method needs a shorter time limit: a value that is saved late could replace a newer one of another process. If a
/// method throws, the cache is unavailable, and the exception becomes the inner exception of a
/// <see cref="TangoTokenException"/>. Keys consist of letters, digits, <c>.</c> and <c>-</c>. Values are encrypted or
/// contain no secret, and have at most 128 KiB.
/// </remarks>
/// <example>
/// <code>
/// using var client = new TangoTokenClient(options, cache: new DatabaseCache(connectionString));
/// </code>
/// </example>
public interface ITangoTokenCache
{
    /// <summary>Reads the value of a key.</summary>
    /// <param name="key">The key.</param>
    /// <returns>The value; <c>null</c> if there is none.</returns>
    byte[]? Get(string key);

    /// <summary>Replaces the value of a key atomically.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="timeToLive">
    /// How long the cache has to keep the value, at most 24 days; it may drop it afterwards.
    /// </param>
    void Set(string key, byte[] value, TimeSpan timeToLive);

    /// <summary>Removes the value of a key, if there is one.</summary>
    /// <param name="key">The key.</param>
    void Remove(string key);

    /// <summary>
    /// Takes the lock of a key for an owner, or extends the lease if that owner holds the lock. Does not wait.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="owner">The owner: a different string for each attempt.</param>
    /// <param name="lease">
    /// The time after which the lock has to expire by itself, because the process of its owner may have died.
    /// </param>
    /// <returns><c>false</c> if another owner holds the lock.</returns>
    bool TryLock(string key, string owner, TimeSpan lease);

    /// <summary>Releases the lock of a key if this owner holds it, and does nothing otherwise.</summary>
    /// <param name="key">The key.</param>
    /// <param name="owner">The owner that took the lock.</param>
    void Unlock(string key, string owner);
}
