using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace TangoToken.Extensions.DependencyInjection;

/// <summary>Applies credentials that change in the configuration to the clients.</summary>
internal sealed partial class CredentialUpdates(
    IOptionsMonitor<TangoTokenClientOptions> monitor, ILoggerFactory loggers) : IDisposable
{
    private readonly ILogger logger = loggers.CreateLogger(LogForwarder.Category);
    private readonly object gate = new();
    private readonly List<IDisposable> subscriptions = [];

    /// <summary>Watches the options of a client.</summary>
    /// <param name="client">The client.</param>
    /// <param name="name">The name of its options.</param>
    /// <param name="options">The options that it was created with.</param>
    internal void Follow(TangoTokenClient client, string name, TangoTokenClientOptions options)
    {
        var followed = new FollowedClient(client, name, options, monitor, logger);
        IDisposable? subscription = monitor.OnChange((_, changedName) =>
        {
            if ((changedName ?? Options.DefaultName) == name)
                followed.Update();
        });
        if (subscription is null)
            return;
        lock (gate)
            subscriptions.Add(subscription);
        // What changed between the creation of the client and the subscription.
        followed.Update();
    }

    public void Dispose()
    {
        lock (gate)
        {
            subscriptions.ForEach(subscription => subscription.Dispose());
            subscriptions.Clear();
        }
    }

    private sealed partial class FollowedClient(
        TangoTokenClient client, string name, TangoTokenClientOptions current,
        IOptionsMonitor<TangoTokenClientOptions> monitor, ILogger logger)
    {
        private readonly object gate = new();

        internal void Update()
        {
            lock (gate)
            {
                // Two reloads at once can report their options in the wrong order; these are the latest.
                TangoTokenClientOptions changed = monitor.Get(name);
                if (ReferenceEquals(changed, current))
                    return;
                string display = name.Length == 0 ? "(without a name)" : name;
                try
                {
                    UpdateCredentials(changed, display);
                }
                catch (ObjectDisposedException)
                {
                    return;
                }
                catch (Exception error) when (error is ArgumentException or TangoTokenException)
                {
                    CredentialsRefused(logger, error, display);
                    return;
                }
                string[] others = OptionChanges.Find(current, changed).ToArray();
                if (others.Length > 0)
                    RestartNeeded(logger, display, string.Join(", ", others));
                current = changed;
            }
        }

        private void UpdateCredentials(TangoTokenClientOptions changed, string display)
        {
            bool isOtherClient = changed.ClientId != current.ClientId || changed.ClientSecret != current.ClientSecret;
            bool isOtherAccount = changed.Username != current.Username || changed.Password != current.Password;
            if (isOtherClient)
                Require(changed.ClientId, nameof(changed.ClientId), changed.ClientSecret, nameof(changed.ClientSecret));
            if (isOtherAccount)
                Require(changed.Username, nameof(changed.Username), changed.Password, nameof(changed.Password));
            // At once: the client of one account must not ask for the token of another.
            if (isOtherClient && isOtherAccount)
                client.SetCredentials(
                    changed.ClientId!, changed.ClientSecret!, changed.Username!, changed.Password!);
            else if (isOtherClient)
                client.SetClientCredentials(changed.ClientId!, changed.ClientSecret!);
            else if (isOtherAccount)
                client.SetServiceAccount(changed.Username!, changed.Password!);
            if (isOtherClient || isOtherAccount)
                CredentialsChanged(logger, display);
        }

        private static void Require(string? id, string idName, string? secret, string secretName)
        {
            if (string.IsNullOrEmpty(id) || string.IsNullOrEmpty(secret))
                throw new ArgumentException($"{(string.IsNullOrEmpty(id) ? idName : secretName)} is not set any more.");
        }

        [LoggerMessage(
            1, LogLevel.Information,
            "The credentials of the Tango token client {Client} changed and are used from the next refresh on")]
        private static partial void CredentialsChanged(ILogger logger, string client);

        [LoggerMessage(
            2, LogLevel.Error,
            "The changed credentials of the Tango token client {Client} cannot be used, so it keeps the earlier ones")]
        private static partial void CredentialsRefused(ILogger logger, Exception error, string client);

        [LoggerMessage(
            3, LogLevel.Warning,
            "Changed settings of the Tango token client {Client} take effect after a restart: {Settings}")]
        private static partial void RestartNeeded(ILogger logger, string client, string settings);
    }
}
