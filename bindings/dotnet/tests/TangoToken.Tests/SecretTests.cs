using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.Serialization;
using System.Text.Json;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using TangoToken.Native;

namespace TangoToken.Tests;

/// <summary>No secret appears in what programs show of the library's objects.</summary>
public class SecretTests
{
    private const string Secret = "a-secret-that-appears-nowhere";

    [Theory]
    [MemberData(nameof(Objects), DisableDiscoveryEnumeration = true)]
    public void Object_shows_no_secret(string name, object shown)
    {
        Assert.DoesNotContain(Secret, shown.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, JsonSerializer.Serialize(shown, shown.GetType()), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, JsonSerializer.Serialize(new { shown }), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, WrittenBySerilog(shown), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, ShownByDebugger(shown), StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, WrittenByOtherSerializers(shown), StringComparison.Ordinal);
        Assert.NotEmpty(name);
    }

    public static TheoryData<string, object> Objects => new()
    {
        { "token", new TangoAccessToken(Secret, "DPoP", "raas.all", DateTimeOffset.UnixEpoch) },
        { "authorization", new RequestAuthorization("DPoP", Secret, Secret) },
        {
            "options",
            new TangoTokenClientOptions
            {
                ClientSecret = Secret,
                Password = Secret,
                Proxy = $"http://user:{Secret}@proxy.example:3128",
                Cache = $"rediss://user:{Secret}@cache.example/0?prefix=a redis://:{Secret}@other.example",
            }
        },
        { "key", KeyOfSecret() },
    };

    [Fact]
    public void Real_token_and_authorization_show_no_secret()
    {
        using var sandbox = new Sandbox();
        TangoTokenClientOptions options = sandbox.Options();
        options.Dpop = DpopMode.Required;
        using var client = new TangoTokenClient(options);
        TangoAccessToken token = client.GetToken();
        RequestAuthorization authorization = client.Authorize(HttpMethod.Get, sandbox.Accounts);
        string[] secrets = [token.Value, authorization.Dpop!, options.ClientSecret!, options.Password!];
        foreach (object shown in new object[] { client, options, token, authorization })
            foreach (string secret in secrets)
            {
                Assert.DoesNotContain(secret, shown.ToString(), StringComparison.Ordinal);
                Assert.DoesNotContain(secret, WrittenBySerilog(shown), StringComparison.Ordinal);
                Assert.DoesNotContain(secret, ShownByDebugger(shown), StringComparison.Ordinal);
                if (shown is not TangoTokenClient)
                    Assert.DoesNotContain(
                        secret, JsonSerializer.Serialize(shown, shown.GetType()), StringComparison.Ordinal);
            }
    }

    [Fact]
    public void Copy_of_a_string_is_erased_after_the_call_that_it_was_made_for()
    {
        // In the place of the buffer on the stack.
        Span<byte> buffer = GC.AllocateArray<byte>(Utf8StringMarshaller.ManagedToUnmanagedIn.BufferSize, pinned: true);
        var copy = new Utf8StringMarshaller.ManagedToUnmanagedIn();
        copy.FromManaged(Secret, buffer);
        Assert.True(buffer.StartsWith("a-secret-that-appears-nowhere"u8));
        copy.Free();
        Assert.Equal(-1, buffer.IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Copies_of_secrets_in_native_memory_are_erased()
    {
        // UTF-16 in the strings of .NET; what this looks for is the UTF-8 of the copies that cross to the library. The
        // secret does not fit into the buffer on the stack, and malloc overwrites only the beginning of what is freed.
        string password = "pw-" + Guid.NewGuid().ToString("N");
        string secret = "cs-" + Guid.NewGuid().ToString("N");
        string pem = PemOf();
        UseAndDispose(password, secret, pem);
        Leaks.Collect();
        Assert.Equal(0, ProcessMemory.CountUtf8(password));
        Assert.Equal(0, ProcessMemory.CountUtf8(secret));
        Assert.Equal(0, ProcessMemory.CountUtf8(pem.Split('\n')[1]));
        // It finds what is there.
        byte[] copy = System.Text.Encoding.UTF8.GetBytes(password);
        Assert.True(ProcessMemory.CountUtf8(password) > 0);
        GC.KeepAlive(copy);
    }

    private static void UseAndDispose(string password, string secret, string pem)
    {
        using var client = new TangoTokenClient(new TangoTokenClientOptions
        {
            TokenUrl = "https://127.0.0.1:1/",
            ClientId = "an id",
            ClientSecret = new string('x', 1000) + secret,
            Username = "a user",
            Password = password,
        });
        client.SetServiceAccount("another", password);
        for (int length = 2000; length < 20_000; length += 2000)
            client.SetClientCredentials("another", new string('x', length) + secret);
        using DpopKey key = DpopKey.FromPem(pem);
    }

    private static string PemOf()
    {
        using var ecdsa = System.Security.Cryptography.ECDsa.Create(
            System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        return ecdsa.ExportPkcs8PrivateKeyPem();
    }

    // A key has no string of its own that could appear; its PEM must not.
    private static DpopKeyWithSecret KeyOfSecret() => new();

    /// <summary>Stands for a key, which is shown by its algorithm and its thumbprint.</summary>
    private sealed class DpopKeyWithSecret
    {
        public override string ToString()
        {
            using DpopKey key = DpopKey.Generate();
            string shown = key + ShownByDebugger(key) + WrittenBySerilog(key) + JsonSerializer.Serialize(key);
            string pem = key.ExportPkcs8PrivateKeyPem().Split('\n')[1];
            return shown.Contains(pem, StringComparison.Ordinal) ? Secret : shown;
        }
    }

    /// <summary>
    /// The public properties, unless they are marked with what Newtonsoft.Json and the data contract serializers leave
    /// out.
    /// </summary>
    private static string WrittenByOtherSerializers(object shown) => string.Join('\n', shown.GetType().GetProperties()
        .Where(property => !property.IsDefined(typeof(IgnoreDataMemberAttribute)))
        .Select(property => property.GetValue(shown)));

    private static string WrittenBySerilog(object shown)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using (Logger logger = new LoggerConfiguration().WriteTo.Sink(new Sink(output)).CreateLogger())
            logger.Information("{@Shown} {Shown}", shown, shown);
        Assert.NotEmpty(output.ToString());
        return output.ToString();
    }

    private sealed class Sink(TextWriter output) : ILogEventSink
    {
        public void Emit(LogEvent logEvent)
        {
            logEvent.RenderMessage(output);
            foreach (LogEventPropertyValue value in logEvent.Properties.Values)
                value.Render(output);
        }
    }

    /// <summary>What a debugger shows: the display string, and every property and field that is not hidden.</summary>
    private static string ShownByDebugger(object shown)
    {
        Type type = shown.GetType();
        var parts = new List<string?> { shown.ToString() };
        const BindingFlags Instance = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
        foreach (PropertyInfo property in type.GetProperties(Instance))
            if (property.GetIndexParameters().Length == 0 && !IsHidden(property))
                parts.Add(Read(() => property.GetValue(shown)));
        foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public))
            parts.Add(Read(() => field.GetValue(shown)));
        return string.Join('\n', parts);
    }

    private static bool IsHidden(MemberInfo member) =>
        member.GetCustomAttribute<DebuggerBrowsableAttribute>()?.State == DebuggerBrowsableState.Never;

    private static string? Read(Func<object?> read)
    {
        try
        {
            return read()?.ToString();
        }
        catch (TargetInvocationException exception)
        {
            return exception.InnerException?.Message;
        }
    }
}
