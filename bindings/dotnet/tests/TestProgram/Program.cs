using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using TangoToken.TestProgram;

// What tests need a process of its own for: how it starts, where it finds the library, and how it ends.
try
{
    return args switch
    {
        ["generate"] => Commands.Generate(),
        ["token"] => Commands.PrintToken(),
        ["log", var how] => Commands.Log(how),
        ["no-options"] => Commands.CreateWithoutOptions(),
        ["token-of-options", var property, var value] => Commands.PrintTokenOf(property, value),
        ["resolver", var library] => Commands.UseResolver(library),
        ["from", var assembly] => Commands.GenerateInAssembly(assembly),
        ["unload", var what] => await Unloading.RunAsync(what),
        ["callbacks", "return"] => await Commands.CallBackAsync(),
        ["blocked-pool"] => Commands.BlockPool(),
        ["children"] => await Commands.StartChildrenAsync(),
        ["callbacks", "exit"] => Commands.Exit(await Commands.CallBackAsync()),
        _ => throw new ArgumentException("unknown command: " + string.Join(' ', args)),
    };
}
catch (Exception exception)
{
    Exception cause = exception is TargetInvocationException { InnerException: { } inner } ? inner : exception;
    Console.WriteLine($"{cause.GetType().Name}: {cause.Message}");
    return 3;
}

namespace TangoToken.TestProgram
{
    internal static class Commands
    {
        internal static int Generate()
        {
            DpopKey.Generate().Dispose();
            Console.WriteLine("a key was generated");
            return 0;
        }

        internal static int PrintToken()
        {
            Console.WriteLine(TangoTokenClient.FromEnvironment().GetToken());
            return 0;
        }

        internal static int Log(string how)
        {
            if (how == "receiver")
                TangoTokenLog.SetReceiver(TangoTokenLogLevel.Info, (level, line) => Console.WriteLine($"{level} {line}"));
            if (how == "function")
                TangoTokenLog.WriteToStandardError(TangoTokenLogLevel.Info, TangoTokenLogFormat.Json);
            TangoTokenClient.FromEnvironment().GetToken();
            TangoTokenLog.SetReceiver(TangoTokenLogLevel.Error, null);
            return 0;
        }

        internal static int CreateWithoutOptions()
        {
            new TangoTokenClient(new TangoTokenClientOptions()).Dispose();
            Console.WriteLine("a client was created");
            return 0;
        }

        internal static int PrintTokenOf(string property, string value)
        {
            var options = new TangoTokenClientOptions { UseEnvironmentVariables = true };
            typeof(TangoTokenClientOptions).GetProperty(property)!.SetValue(options, value);
            Console.WriteLine(new TangoTokenClient(options).GetToken());
            return 0;
        }

        internal static int UseResolver(string library)
        {
            NativeLibrary.SetDllImportResolver(
                typeof(DpopKey).Assembly, (_, _, _) => library == "none" ? 0 : NativeLibrary.Load(library));
            return Generate();
        }

        internal static int GenerateInAssembly(string path)
        {
            Type key = Assembly.LoadFile(path).GetType("TangoToken.DpopKey")!;
            MethodInfo generate = key.GetMethod("Generate")!;
            Type algorithm = generate.GetParameters()[0].ParameterType;
            ((IDisposable)generate.Invoke(null, [Enum.ToObject(algorithm, (int)DpopAlgorithm.ES256)])!).Dispose();
            Console.WriteLine("a key was generated");
            return 0;
        }

        /// <summary>Blocks every thread of the pool on a task, and starts none in their place.</summary>
        internal static int BlockPool()
        {
            ThreadPool.SetMinThreads(1, 1);
            if (!ThreadPool.SetMaxThreads(Environment.ProcessorCount, Environment.ProcessorCount))
                throw new InvalidOperationException("The pool cannot be limited.");
            using TangoTokenClient client = TangoTokenClient.FromEnvironment();
            Task[] calls = [.. Enumerable.Range(0, 2 * Environment.ProcessorCount)
                .Select(_ => Task.Run(() => client.GetTokenAsync().AsTask().GetAwaiter().GetResult()))];
            Console.WriteLine(Task.WaitAll(calls, TimeSpan.FromSeconds(15))
                ? "every thread has a token" : "the threads of the pool are blocked");
            return 0;
        }

        /// <summary>Starts processes while connections to the server are opened, used and closed.</summary>
        internal static async Task<int> StartChildrenAsync()
        {
            string before = await FilesOfAChildAsync();
            using TangoTokenClient client = TangoTokenClient.FromEnvironment();
            using var end = new CancellationTokenSource();
            Task[] calls = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                while (!end.IsCancellationRequested)
                {
                    // A client of its own has a connection of its own.
                    using TangoTokenClient other = TangoTokenClient.FromEnvironment();
                    await other.GetTokenAsync();
                    other.Invalidate(await other.GetTokenAsync());
                    await other.GetTokenAsync();
                    await client.GetTokenAsync();
                }
            }))];
            var files = new HashSet<string>();
            for (int i = 0; i < 40; i++)
                files.Add(await FilesOfAChildAsync());
            await end.CancelAsync();
            await Task.WhenAll(calls);
            Console.WriteLine("every call has a token");
            Console.WriteLine(files.SetEquals([before])
                ? "every child has the files of one before"
                : $"children have {string.Join(" or ", files)} files, and one before has {before}");
            return 0;
        }

        private static async Task<string> FilesOfAChildAsync()
        {
            // The shell itself counts, so that no further process has a file open.
            using Process child = Process.Start(new ProcessStartInfo("/bin/sh")
            {
                ArgumentList = { "-c", "set -- /proc/$$/fd/*; echo $#" },
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            string count = await child.StandardOutput.ReadToEndAsync();
            await child.WaitForExitAsync();
            return count.Trim();
        }

        internal static int Exit(int code)
        {
            Environment.Exit(code);
            return code;
        }

        /// <summary>Lets threads of the library call every kind of callback, and disposes nothing.</summary>
        internal static async Task<int> CallBackAsync()
        {
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Console.WriteLine("the exit handler ran");
            TangoTokenLog.SetReceiver(TangoTokenLogLevel.Trace, (_, _) => { });
            TangoTokenClient client = TangoTokenClient.FromEnvironment(cache: new MemoryCache());
            Console.WriteLine((await client.GetTokenAsync()).TokenType);
            GC.Collect();
            return 7;
        }
    }

    /// <summary>A cache in memory.</summary>
    internal sealed class MemoryCache : ITangoTokenCache
    {
        private readonly ConcurrentDictionary<string, byte[]> values = new();
        private readonly ConcurrentDictionary<string, string> owners = new();

        public byte[]? Get(string key) => values.GetValueOrDefault(key);

        public void Set(string key, byte[] value, TimeSpan timeToLive) => values[key] = value;

        public void Remove(string key) => values.TryRemove(key, out _);

        public bool TryLock(string key, string owner, TimeSpan lease) => owners.GetOrAdd(key, owner) == owner;

        public void Unlock(string key, string owner) => owners.TryRemove(new KeyValuePair<string, string>(key, owner));
    }

    /// <summary>Uses the library in a load context that is unloaded, and then from this one.</summary>
    internal static class Unloading
    {
        internal static async Task<int> RunAsync(string what)
        {
            WeakReference context = UseAndUnload(what);
            for (int i = 0; i < 20 && context.IsAlive; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
            Console.WriteLine(context.IsAlive ? "the context is alive" : "the context is gone");
            for (int i = 0; i < 3; i++)
            {
                // Each fetches a token, which is logged.
                using TangoTokenClient client = TangoTokenClient.FromEnvironment();
                Console.WriteLine((await client.GetTokenAsync()).TokenType);
            }
            return 0;
        }

        private static WeakReference UseAndUnload(string what)
        {
            var context = new PluginContext();
            Assembly plugin = context.LoadFromAssemblyPath(typeof(Plugin).Assembly.Location);
            plugin.GetType(typeof(Plugin).FullName!)!.GetMethod(what)!.Invoke(null, null);
            context.Unload();
            return new WeakReference(context);
        }

        private sealed class PluginContext() : AssemblyLoadContext(isCollectible: true)
        {
            private readonly AssemblyDependencyResolver resolver = new(typeof(Plugin).Assembly.Location);

            protected override Assembly? Load(AssemblyName assemblyName) =>
                resolver.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path) : null;
        }
    }

    /// <summary>What is loaded into another context.</summary>
    public static class Plugin
    {
        public static void Log()
        {
            TangoTokenLog.SetReceiver(TangoTokenLogLevel.Trace, (_, _) => { });
            Get(TangoTokenClient.FromEnvironment());
        }

        public static void Cache() => Get(TangoTokenClient.FromEnvironment(cache: new MemoryCache()));

        public static void Signer()
        {
            using DpopKey key = DpopKey.Generate();
            string pem = key.ExportPkcs8PrivateKeyPem(), jwk = key.PublicJwk;
            var ecdsa = System.Security.Cryptography.ECDsa.Create();
            ecdsa.ImportFromPem(pem);
            using DpopKey custom = DpopKey.FromSigner(
                DpopAlgorithm.ES256, jwk,
                message => ecdsa.SignData(message, System.Security.Cryptography.HashAlgorithmName.SHA256));
            var options = new TangoTokenClientOptions { UseEnvironmentVariables = true, Dpop = DpopMode.Optional };
            Get(new TangoTokenClient(options, custom));
        }

        private static void Get(TangoTokenClient client)
        {
            using (client)
                client.GetTokenAsync().AsTask().GetAwaiter().GetResult();
        }
    }
}
