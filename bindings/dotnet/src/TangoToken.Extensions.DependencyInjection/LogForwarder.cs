using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace TangoToken.Extensions.DependencyInjection;

/// <summary>Sends the library's log to <see cref="ILogger"/>.</summary>
/// <remarks>
/// The log belongs to the process, not to a container. So the newest container receives it, and once that is disposed,
/// the one before.
/// </remarks>
internal sealed class LogForwarder : IDisposable
{
    internal const string Category = "TangoToken";

    private static readonly object Gate = new();
    private static readonly List<LogForwarder> Active = [];

    private readonly ILogger logger;
    private readonly IDisposable? subscription;

    public LogForwarder(ILoggerFactory loggers, IOptionsMonitor<LoggerFilterOptions> filters)
    {
        logger = loggers.CreateLogger(Category);
        lock (Gate)
            Active.Add(this);
        Connect();
        subscription = filters.OnChange(_ => Connect());
    }

    public void Dispose()
    {
        subscription?.Dispose();
        lock (Gate)
            Active.Remove(this);
        Connect();
    }

    /// <summary>Passes the log to the newest container, with the levels that it has enabled now.</summary>
    private static void Connect()
    {
        lock (Gate)
        {
            LogForwarder? newest = Active.LastOrDefault();
            TangoTokenLogLevel? level = newest?.MostVerboseLevel();
            if (newest is null || level is null)
                TangoTokenLog.SetReceiver(TangoTokenLogLevel.Error, null);
            else
                TangoTokenLog.SetRecordReceiver(level.Value, newest.Receive);
        }
    }

    private TangoTokenLogLevel? MostVerboseLevel()
    {
        for (TangoTokenLogLevel level = TangoTokenLogLevel.Trace; level >= TangoTokenLogLevel.Error; level--)
            if (logger.IsEnabled(LevelOf(level)))
                return level;
        return null;
    }

    private void Receive(TangoTokenLogRecord record)
    {
        LogLevel level = LevelOf(record.Level);
        if (logger.IsEnabled(level))
            logger.Log(level, default, new LogLine(record), null, static (state, _) => state.ToString());
    }

    private static LogLevel LevelOf(TangoTokenLogLevel level) => level switch
    {
        TangoTokenLogLevel.Error => LogLevel.Error,
        TangoTokenLogLevel.Warn => LogLevel.Warning,
        TangoTokenLogLevel.Info => LogLevel.Information,
        TangoTokenLogLevel.Debug => LogLevel.Debug,
        _ => LogLevel.Trace,
    };
}
