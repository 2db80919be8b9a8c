using System;

namespace TangoToken
{
    /// <summary>Options as a <c>tango_config</c>. The setter of each option is in Generated/Configuration.g.cs.</summary>
    internal static partial class Configuration
    {
        private delegate TangoStatus TextSetter(ConfigHandle config, byte[] text, out IntPtr error);

        private delegate TangoStatus NumberSetter(ConfigHandle config, int number, out IntPtr error);

        private delegate TangoStatus MillisecondsSetter(ConfigHandle config, uint milliseconds, out IntPtr error);

        internal static ConfigHandle From(TangoClientOptions options)
        {
            NativeLibraryLoader.Load();
            var config = new ConfigHandle(NativeMethods.tango_config_new());
            try
            {
                if (options.LoadEnvironment)
                {
                    IntPtr error;
                    NativeMethods.tango_config_load_env(config, out error).OrThrow(error);
                }
                SetOptions(config, options);
                return config;
            }
            catch
            {
                config.Dispose();
                throw;
            }
        }

        private static void Set(ConfigHandle config, string value, string name, TextSetter setter)
        {
            if (value == null)
                return;
            byte[] text = Utf8.Encode(value, name);
            try
            {
                IntPtr error;
                setter(config, text, out error).OrThrow(error);
            }
            finally
            {
                Utf8.Erase(text);
            }
        }

        private static void Set(ConfigHandle config, int? value, NumberSetter setter)
        {
            IntPtr error;
            if (value.HasValue)
                setter(config, value.Value, out error).OrThrow(error);
        }

        private static void Set(ConfigHandle config, bool? value, NumberSetter setter)
        {
            Set(config, value.HasValue ? (value.Value ? 1 : 0) : (int?)null, setter);
        }

        // A value out of range stays out of range: making the client refuses it by the name of the option.
        private static void Set(ConfigHandle config, TimeSpan? value, MillisecondsSetter setter)
        {
            IntPtr error;
            if (value.HasValue)
                setter(config, (uint)Math.Min(Math.Max(value.Value.TotalMilliseconds, 0), uint.MaxValue), out error).OrThrow(error);
        }

        private static void Set(ConfigHandle config, DpopKey key)
        {
            IntPtr error;
            if (key != null)
                NativeMethods.tango_config_set_dpop_key(config, key.Handle, out error).OrThrow(error);
        }

        private static void Set(ConfigHandle config, ITangoCache cache)
        {
            if (cache == null)
                return;
            IntPtr error;
            // From here on the library releases the cache, also when this call fails.
            NativeMethods.tango_config_set_cache_callbacks(
                config, CacheCallbacks.Load, CacheCallbacks.Save, CacheCallbacks.Lock, CacheCallbacks.Unlock,
                CacheCallbacks.Release, Rooted.Add(cache), out error).OrThrow(error);
        }
    }
}
