using System;

namespace TangoToken
{
    /// <summary>
    /// A database of the program's own in which a fleet shares its token, for <see cref="TangoClientOptions.CustomCache"/>.
    /// </summary>
    /// <remarks>
    /// The library calls it on its own threads, several at once, and waits for five seconds: give the calls shorter time limits of
    /// their own, because a value that is saved late can replace what another process wrote meanwhile. What a method throws counts
    /// as a cache that cannot be used. Names are of letters, digits, <c>.</c> and <c>-</c>; values are sealed or hold no secret, and
    /// have at most 128 KiB.
    /// </remarks>
    public interface ITangoCache
    {
        /// <summary>Reads the value of a name.</summary>
        /// <param name="name">The name.</param>
        /// <returns>The value; <c>null</c> where there is none.</returns>
        byte[] Load(string name);

        /// <summary>Puts a value in the place of an earlier one, in one step.</summary>
        /// <param name="name">The name.</param>
        /// <param name="value">The value; <c>null</c> removes it.</param>
        /// <param name="keep">How long it has to be kept; it may be forgotten after. At most 24 days.</param>
        void Save(string name, byte[] value, TimeSpan keep);

        /// <summary>Takes the lock of a name for an owner, or extends it if that owner has it. Does not wait.</summary>
        /// <param name="name">The name.</param>
        /// <param name="owner">Who takes it: another text for each try.</param>
        /// <param name="lease">The lock has to open by itself after this time: its owner may be gone.</param>
        /// <returns><c>false</c> if another has it.</returns>
        bool TryLock(string name, string owner, TimeSpan lease);

        /// <summary>Opens the lock of a name if this owner has it, and does nothing if not.</summary>
        /// <param name="name">The name.</param>
        /// <param name="owner">Who took it.</param>
        void Unlock(string name, string owner);
    }
}
