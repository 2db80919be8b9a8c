using System;

namespace TangoToken
{
    /// <summary>Options as a <c>tango_config</c>.</summary>
    internal static class Configuration
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
                SetServer(config, options);
                SetCredentials(config, options);
                SetDpop(config, options);
                SetCache(config, options);
                return config;
            }
            catch
            {
                config.Dispose();
                throw;
            }
        }

        private static void SetServer(ConfigHandle config, TangoClientOptions options)
        {
            Set(config, (int?)options.Environment, NativeMethods.tango_config_set_environment);
            Set(config, options.TokenUrl, NativeMethods.tango_config_set_token_url);
            Set(config, options.ApiUrl, NativeMethods.tango_config_set_api_url);
            foreach (string origin in options.AllowedOrigins)
                Set(config, origin, NativeMethods.tango_config_allow_origin);
            Set(config, options.CaFile, NativeMethods.tango_config_set_ca_file);
            Set(config, options.Proxy, NativeMethods.tango_config_set_proxy);
            Set(config, options.UserAgent, NativeMethods.tango_config_set_user_agent);
            Set(config, options.ConnectTimeout, NativeMethods.tango_config_set_connect_timeout_ms);
            Set(config, options.AttemptTimeout, NativeMethods.tango_config_set_attempt_timeout_ms);
            Set(config, options.TotalTimeout, NativeMethods.tango_config_set_total_timeout_ms);
            Set(config, options.AllowPlainHttp, NativeMethods.tango_config_set_allow_plain_http);
        }

        private static void SetCredentials(ConfigHandle config, TangoClientOptions options)
        {
            Set(config, options.ClientId, NativeMethods.tango_config_set_client_id);
            Set(config, options.ClientSecret, NativeMethods.tango_config_set_client_secret);
            Set(config, options.Username, NativeMethods.tango_config_set_username);
            Set(config, options.Password, NativeMethods.tango_config_set_password);
            Set(config, options.Audience, NativeMethods.tango_config_set_audience);
            Set(config, options.Scope, NativeMethods.tango_config_set_scope);
        }

        private static void SetDpop(ConfigHandle config, TangoClientOptions options)
        {
            Set(config, (int?)options.Dpop, NativeMethods.tango_config_set_dpop);
            Set(config, options.DpopKeyFile, NativeMethods.tango_config_set_dpop_key_file);
            if (options.DpopKey == null)
                return;
            IntPtr error;
            NativeMethods.tango_config_set_dpop_key(config, options.DpopKey.Handle, out error).OrThrow(error);
        }

        private static void SetCache(ConfigHandle config, TangoClientOptions options)
        {
            Set(config, options.Cache, NativeMethods.tango_config_set_cache);
            Set(config, options.CacheCaFile, NativeMethods.tango_config_set_cache_ca_file);
            Set(config, options.AllowFetchWithoutCache, NativeMethods.tango_config_set_allow_fetch_without_cache);
            if (options.CustomCache == null)
                return;
            IntPtr error;
            // From here on the library ends the cache, also when this call fails.
            NativeMethods.tango_config_set_cache_callbacks(
                config, CacheCallbacks.Load, CacheCallbacks.Save, CacheCallbacks.Lock, CacheCallbacks.Unlock,
                CacheCallbacks.Release, Rooted.Add(options.CustomCache), out error).OrThrow(error);
        }

        private static void Set(ConfigHandle config, string value, TextSetter setter)
        {
            if (value == null)
                return;
            byte[] text = Utf8.Encode(value);
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

        // What does not fit becomes what making the client refuses with the name of the setting.
        private static void Set(ConfigHandle config, TimeSpan? value, MillisecondsSetter setter)
        {
            IntPtr error;
            if (value.HasValue)
                setter(config, (uint)Math.Min(Math.Max(value.Value.TotalMilliseconds, 0), uint.MaxValue), out error).OrThrow(error);
        }
    }
}
