use super::*;

const HTTPS: &str = "https://auth.example:8443/token";
const HTTP: &str = "http://auth.example/token";

fn route(variables: &[(&str, &str)], target: &str) -> Result<Route, String> {
    let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
    ProxyServer::of_environment(lookup, &Url::parse(target).unwrap())
}

/// Returns the proxy as a URL without credentials, and the variable that names it.
fn chosen(variables: &[(&str, &str)], target: &str) -> String {
    match route(variables, target).unwrap().proxy {
        Some(proxy) => format!("{:?} {proxy} {}", proxy.protocol, proxy.setting),
        None => "direct".into(),
    }
}

#[test]
fn variables_name_the_proxy_in_a_fixed_order() {
    let all = ("ALL_PROXY", "all:1");
    let (upper, lower) = (("HTTPS_PROXY", "upper:2"), ("https_proxy", "lower:3"));
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let rows: [Row<'_>; 12] = [
        (&[], HTTPS, "direct"),
        (&[all, lower, upper], HTTPS, "Http upper:2 HTTPS_PROXY"),
        (&[all, lower], HTTPS, "Http lower:3 https_proxy"),
        (&[all, lower, ("HTTPS_PROXY", " ")], HTTPS, "Http lower:3 https_proxy"),
        (&[all], HTTPS, "Http all:1 ALL_PROXY"),
        (&[all], HTTP, "Http all:1 ALL_PROXY"),
        (&[("all_proxy", "socks5h://all")], HTTPS, "Socks5h all:1080 all_proxy"),
        (&[upper, lower], HTTP, "direct"),
        (&[("HTTP_PROXY", "http://plain:4")], HTTPS, "direct"),
        (&[("HTTP_PROXY", "http://plain:4"), ("http_proxy", "lower:5")], HTTP, "Http plain:4 HTTP_PROXY"),
        (&[("http_proxy", "lower:5"), all], HTTP, "Http lower:5 http_proxy"),
        (&[upper, ("no_proxy", "auth.example")], HTTPS, "direct"),
    ];
    for (variables, target, expected) in rows {
        assert_eq!(chosen(variables, target), expected, "{variables:?} {target}");
    }
}

#[test]
fn proxy_is_a_url_whose_scheme_and_port_have_defaults() {
    for (value, expected) in [
        ("proxy.example", "Http proxy.example:80"),
        ("proxy.example:3128", "Http proxy.example:3128"),
        (" http://proxy.example:3128\n", "Http proxy.example:3128"),
        ("http://proxy.example:3128/", "Http proxy.example:3128"),
        ("HTTP://Proxy.Example", "Http proxy.example:80"),
        ("https://proxy.example", "Https proxy.example:443"),
        ("socks5://127.0.0.1", "Socks5 127.0.0.1:1080"),
        ("socks5h://proxy.example:80", "Socks5h proxy.example:80"),
        ("http://[::1]:3128", "Http [::1]:3128"),
        ("socks5://[::1]", "Socks5 [::1]:1080"),
        ("user:password@proxy.example:3128", "Http proxy.example:3128"),
        ("http://user:p@ssword@proxy.example", "Http proxy.example:80"),
    ] {
        assert_eq!(chosen(&[("HTTPS_PROXY", value)], HTTPS), format!("{expected} HTTPS_PROXY"), "{value:?}");
    }
}

#[test]
fn credentials_of_a_proxy_are_percent_decoded() {
    for (value, username, password) in [
        ("http://user:p%40ss%5Cw%C3%B6rd@proxy", "user", "p@ss\\wörd"),
        ("socks5://a%3Ab:100%25@proxy", "a:b", "100%"),
        ("http://user@proxy", "user", ""),
        ("http://:password@proxy", "", "password"),
    ] {
        let proxy = ProxyServer::parse("proxy", value).unwrap();
        let credentials = proxy.credentials.unwrap();
        assert_eq!((credentials.username.as_str(), credentials.password.expose_secret()), (username, password));
    }
    assert!(ProxyServer::parse("proxy", "http://proxy").unwrap().credentials.is_none());
}

#[test]
fn value_that_cannot_be_understood_is_an_error_that_names_the_variable_and_repeats_nothing() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        for value in [
            "ftp://user:hush@proxy",
            "socks4://hush",
            "socks://hush",
            "\"http://user:hush@proxy:3128\"",
            "'http://user:hush@proxy:3128'",
            "http://user:hu\\sh@proxy:3128",
            "http://DOMAIN\\hush@proxy:3128",
            "http://user:hu sh@proxy:3128",
            "http://proxy:3128 http://hush:3128",
            "http://pro\nxy:3128",
            "http://user:hu#sh@proxy:3128",
            "http://user:12/hush@proxy:3128",
            "http://proxy:3128/hush.pac",
            "http://proxy:3128?hush",
            "http://proxy:hush",
            "http://proxy:99999",
            "http://user:%FFhush@proxy",
            "http://",
            "://hush",
            "http:/hush",
        ] {
            let problem = route(&[(name, value)], HTTPS).unwrap_err();
            assert!(problem.starts_with(&format!("{name} ")) && !problem.contains("hush"), "{value}: {problem}");
        }
    }
}

#[test]
#[cfg(unix)]
fn value_that_is_not_utf_8_is_an_error_that_names_the_variable() {
    use std::os::unix::ffi::OsStringExt;
    for (bad, good) in [("HTTPS_PROXY", ""), ("NO_PROXY", "HTTPS_PROXY")] {
        let lookup = |name: &str| match name {
            _ if name == bad => Some(OsString::from_vec(vec![0xff])),
            _ if name == good => Some("proxy".into()),
            _ => None,
        };
        let problem = ProxyServer::of_environment(lookup, &Url::parse(HTTPS).unwrap()).unwrap_err();
        assert_eq!(problem, format!("{bad} must be UTF-8"));
    }
}

#[test]
fn cgi_request_cannot_choose_the_proxy() {
    let cgi = ("REQUEST_METHOD", "GET");
    let route = |variables: &[(&str, &str)], target| {
        let route = route(variables, target).unwrap();
        (route.proxy.map(|proxy| proxy.setting), route.warning.is_some())
    };
    assert_eq!(route(&[cgi, ("HTTP_PROXY", "evil")], HTTP), (None, true));
    assert_eq!(route(&[cgi, ("HTTP_PROXY", "evil"), ("http_proxy", "good")], HTTP), (Some("http_proxy"), true));
    assert_eq!(route(&[cgi, ("HTTP_PROXY", "evil"), ("ALL_PROXY", "good")], HTTP), (Some("ALL_PROXY"), true));
    assert_eq!(route(&[cgi, ("HTTP_PROXY", "evil")], HTTPS), (None, false));
    assert_eq!(route(&[cgi, ("HTTPS_PROXY", "good")], HTTPS), (Some("HTTPS_PROXY"), false));
}

#[test]
fn hosts_of_no_proxy_are_reached_directly() {
    for (list, target, is_direct) in [
        ("*", HTTPS, true),
        ("other.example, *", HTTPS, true),
        ("auth.example", HTTPS, true),
        ("AUTH.Example", HTTPS, true),
        ("auth.example.", HTTPS, true),
        (".example", HTTPS, true),
        ("*.example", HTTPS, true),
        ("example", HTTPS, true),
        ("ample", HTTPS, false),
        ("auth.example.org", HTTPS, false),
        ("auth.example:8443", HTTPS, true),
        ("auth.example:443", HTTPS, false),
        ("auth.example:443", "https://auth.example/", true),
        ("auth.example", "https://auth.example./", true),
        ("other.example auth.example", HTTPS, true),
        ("other.example,,\nauth.example,", HTTPS, true),
        ("bücher.example", "https://xn--bcher-kva.example/", true),
        ("127.0.0.1", "https://127.0.0.1:8443/", true),
        ("127.0.0.1:8443", "https://127.0.0.1:8443/", true),
        ("127.0.0.1:443", "https://127.0.0.1:8443/", false),
        ("127.0.0.0/8", "https://127.9.9.9/", true),
        ("127.0.0.0/8", "https://128.0.0.1/", false),
        ("::1", "https://[::1]:8443/", true),
        ("[::1]", "https://[::1]:8443/", true),
        ("[::1]:8443", "https://[::1]:8443/", true),
        ("[::1]:443", "https://[::1]:8443/", false),
        ("fe80::/10", "https://[fe80::1]/", true),
        ("[fe80::]/10", "https://[fe80::1]/", true),
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]/", true),
        ("localhost", "https://127.0.0.1/", false),
        ("", HTTPS, false),
    ] {
        let variables = [("HTTPS_PROXY", "proxy:1"), ("NO_PROXY", list)];
        let expected = if is_direct { "direct" } else { "Http proxy:1 HTTPS_PROXY" };
        assert_eq!(chosen(&variables, target), expected, "{list:?} {target}");
    }
    let both = [("HTTPS_PROXY", "proxy:1"), ("NO_PROXY", "other.example"), ("no_proxy", "auth.example")];
    assert_eq!(chosen(&both, HTTPS), "Http proxy:1 HTTPS_PROXY", "upper case wins");
}

#[test]
fn entry_of_no_proxy_that_cannot_be_understood_is_an_error_that_names_the_variable() {
    for list in [
        "\"auth.example\"",
        "http://auth.example",
        "auth.example/path",
        "10.*",
        "10.0.0.0/33",
        "auth.example:port",
        "[::1",
        "auth.example;other.example",
        "<local>",
        "/var/run/docker.sock",
    ] {
        for name in ["NO_PROXY", "no_proxy"] {
            let variables = [("HTTPS_PROXY", "proxy:1"), (name, list)];
            let problem = route(&variables, HTTPS).unwrap_err();
            assert!(problem.starts_with(&format!("{name} has an entry")), "{list}: {problem}");
            assert_eq!(chosen(&[(name, list)], HTTPS), "direct", "without a proxy the list does not matter");
        }
    }
}
