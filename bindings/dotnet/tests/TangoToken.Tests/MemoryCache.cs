using System;
using System.Collections.Generic;

namespace TangoToken.Tests
{
    /// <summary>A database of a program's own, as small as it can be.</summary>
    internal sealed class MemoryCache : ITangoCache
    {
        private readonly Dictionary<string, byte[]> values = new Dictionary<string, byte[]>();
        private readonly Dictionary<string, string> owners = new Dictionary<string, string>();

        internal bool IsBroken { get; set; }

        public byte[] Load(string name)
        {
            lock (values)
            {
                if (IsBroken)
                    throw new InvalidOperationException("broken");
                byte[] value;
                return values.TryGetValue(name, out value) ? value : null;
            }
        }

        public void Save(string name, byte[] value, TimeSpan keep)
        {
            lock (values)
            {
                if (value == null)
                    values.Remove(name);
                else
                    values[name] = value;
            }
        }

        public bool TryLock(string name, string owner, TimeSpan lease)
        {
            lock (values)
            {
                string other;
                if (owners.TryGetValue(name, out other) && other != owner)
                    return false;
                owners[name] = owner;
                return true;
            }
        }

        public void Unlock(string name, string owner)
        {
            lock (values)
            {
                string other;
                if (owners.TryGetValue(name, out other) && other == owner)
                    owners.Remove(name);
            }
        }
    }
}
