using System;
using System.Collections.Generic;

namespace TangoToken.Tests
{
    /// <summary>A minimal custom cache, in memory.</summary>
    internal sealed class MemoryCache : ITangoCache
    {
        private readonly Dictionary<string, byte[]> values = new Dictionary<string, byte[]>();
        private readonly Dictionary<string, string> owners = new Dictionary<string, string>();

        /// <summary>The name of the method that throws.</summary>
        internal string Broken { get; set; }

        internal int Failures { get; private set; }

        public byte[] Load(string name)
        {
            lock (values)
            {
                FailIf("Load");
                byte[] value;
                return values.TryGetValue(name, out value) ? value : null;
            }
        }

        public void Save(string name, byte[] value, TimeSpan keep)
        {
            lock (values)
            {
                FailIf("Save");
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
                FailIf("TryLock");
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
                FailIf("Unlock");
                string other;
                if (owners.TryGetValue(name, out other) && other == owner)
                    owners.Remove(name);
            }
        }

        private void FailIf(string method)
        {
            if (Broken != method)
                return;
            Failures++;
            throw new InvalidOperationException(Broken + " is broken");
        }
    }
}
