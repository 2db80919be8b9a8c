using System;

namespace TangoToken
{
    /// <summary>
    /// A custom shared cache, such as a database, in which the processes of a fleet share one token; for
    /// <see cref="TangoClientOptions.CustomCache"/>.
    /// </summary>
    /// <remarks>
    /// The library calls the methods on its own threads, also concurrently, and gives up on a call after five seconds.
    /// So a method needs a shorter time limit: a value that is saved late could replace a newer one of another process.
    /// If a method throws, the cache is unavailable. Names consist of letters, digits, <c>.</c> and <c>-</c>. Values
    /// are encrypted or contain no secret, and have at most 128 KiB.
    /// </remarks>
    public interface ITangoCache
    {
        /// <summary>Reads the value of a name.</summary>
        /// <param name="name">The name.</param>
        /// <returns>The value; <c>null</c> if there is none.</returns>
        byte[] Load(string name);

        /// <summary>Replaces the value of a name atomically.</summary>
        /// <param name="name">The name.</param>
        /// <param name="value">The value; <c>null</c> removes it.</param>
        /// <param name="keep">
        /// How long the cache has to keep the value, at most 24 days; it may drop it afterwards.
        /// </param>
        void Save(string name, byte[] value, TimeSpan keep);

        /// <summary>
        /// Takes the lock of a name for an owner, or extends the lease if that owner holds the lock. Does not wait.
        /// </summary>
        /// <param name="name">The name.</param>
        /// <param name="owner">The owner: a different string for each attempt.</param>
        /// <param name="lease">
        /// The time after which the lock has to be released by itself, since its owner may have died.
        /// </param>
        /// <returns><c>false</c> if another owner holds the lock.</returns>
        bool TryLock(string name, string owner, TimeSpan lease);

        /// <summary>Releases the lock of a name if this owner holds it, and does nothing otherwise.</summary>
        /// <param name="name">The name.</param>
        /// <param name="owner">The owner that took the lock.</param>
        void Unlock(string name, string owner);
    }
}
