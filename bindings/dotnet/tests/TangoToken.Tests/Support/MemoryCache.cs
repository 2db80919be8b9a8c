namespace TangoToken.Tests.Support;

/// <summary>A minimal custom cache, in memory, which records how it is called.</summary>
internal sealed class MemoryCache : ITangoTokenCache
{
    private readonly object gate = new();
    private readonly Dictionary<string, byte[]> values = [];
    private readonly Dictionary<string, string> owners = [];
    private readonly List<TimeSpan> times = [];

    /// <summary>The name of the method that throws.</summary>
    internal string? Broken { get; set; }

    /// <summary>What that method throws.</summary>
    internal Exception Failure { get; set; } = new InvalidOperationException("the cache is broken");

    internal int Failures { get; private set; }

    internal int Removals { get; private set; }

    /// <summary>Whether another process holds every lock.</summary>
    internal bool IsLockedByAnother { get; set; }

    /// <summary>Every lifetime and lease that the library asked for.</summary>
    internal IReadOnlyList<TimeSpan> Times
    {
        get
        {
            lock (gate)
                return [.. times];
        }
    }

    internal IReadOnlyList<byte[]> Values
    {
        get
        {
            lock (gate)
                return [.. values.Values];
        }
    }

    /// <summary>How many locks are held now.</summary>
    internal int Locks
    {
        get
        {
            lock (gate)
                return owners.Count;
        }
    }

    public byte[]? Get(string key)
    {
        lock (gate)
        {
            FailIf(nameof(Get));
            return values.GetValueOrDefault(key);
        }
    }

    public void Set(string key, byte[] value, TimeSpan timeToLive)
    {
        lock (gate)
        {
            FailIf(nameof(Set));
            times.Add(timeToLive);
            values[key] = value;
        }
    }

    public void Remove(string key)
    {
        lock (gate)
        {
            FailIf(nameof(Remove));
            Removals++;
            values.Remove(key);
        }
    }

    public bool TryLock(string key, string owner, TimeSpan lease)
    {
        lock (gate)
        {
            FailIf(nameof(TryLock));
            times.Add(lease);
            if (IsLockedByAnother || (owners.TryGetValue(key, out string? other) && other != owner))
                return false;
            owners[key] = owner;
            return true;
        }
    }

    public void Unlock(string key, string owner)
    {
        lock (gate)
        {
            FailIf(nameof(Unlock));
            if (owners.TryGetValue(key, out string? other) && other == owner)
                owners.Remove(key);
        }
    }

    private void FailIf(string method)
    {
        if (Broken != method)
            return;
        Failures++;
        throw Failure;
    }
}
