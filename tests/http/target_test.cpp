#include "http/target.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel {
namespace {

// A request as far as its target is concerned.
class asked {
public:
    asked(std::string_view target, const std::vector<std::string>& hosts, int minor_version = 1, std::string_view verb = "GET")
        : target_(target), hosts_(hosts)
    {
        for (const std::string& h : hosts_) {
            fields_.push_back({"Host", h, header::host});
            head_.present |= std::uint64_t{1} << static_cast<unsigned>(header::host);
        }
        head_.fields = fields_;
        head_.target = target_;
        head_.verb_text = verb;
        head_.verb = method_of(verb);
        head_.minor_version = minor_version;
    }
    asked(const asked&) = delete;
    const request_head& head() const { return head_; }

private:
    std::string target_;
    std::vector<std::string> hosts_;
    std::vector<field> fields_;
    request_head head_;
};

// "host path?query" or the name of the error.
std::string canonical(const asked& rq, std::string_view own = {})
{
    std::string scratch = "left over from the last request";
    const auto t = canonicalise_target(rq.head(), scratch, own);
    if (!t) {
        return std::string(name_of(errc_of(t.error())));
    }
    return std::string(t->host) + ' ' + std::string(t->path) + (t->has_query ? "?" : "") + std::string(t->query);
}

std::string of_target(std::string_view target, std::string_view verb = "GET")
{
    return canonical(asked(target, {"example.com"}, 1, verb));
}
std::string of_host(const std::string& host) { return canonical(asked("/", {host})); }

struct form {
    const char* name;
    std::string given;
    const char* result;
};

TEST(Target, GivesPathAndQueryOneForm)
{
    const std::vector<form> cases{
        {"10.1 the root", "/", "example.com /"},
        {"10.1 as it is", "/a/b.c?d=e", "example.com /a/b.c?d=e"},
        {"letters decoded", "/%7Eu", "example.com /~u"},
        {"all unreserved ones decoded", "/%41%7a%30%2D%2e%5F%7E%61", "example.com /Az0-._~a"},
        {"the others in upper case", "/%c3%a4", "example.com /%C3%A4"},
        {"an encoded slash stays", "/a%2fb", "example.com /a%2Fb"},
        {"an encoded percent sign stays", "/%2561", "example.com /%2561"},
        {"an encoded question mark stays", "/a%3fb", "example.com /a%3Fb"},
        {"an encoded number sign stays", "/a%23b", "example.com /a%23b"},
        {"sub-delimiters are not decoded", "/%21%24%26%27%28%29%2a%2b%2c%3b%3d%3a%40", "example.com /%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40"},
        {"sub-delimiters are not encoded", "/!$&'()*+,;=:@", "example.com /!$&'()*+,;=:@"},
        {"double slashes stay", "//a//b/", "example.com //a//b/"},
        {"no authority in it", "//evil.com/a", "example.com //evil.com/a"},
        {"an escape at the very end", "/a%41", "example.com /aA"},
        {"CR LF stays encoded", "/%0d%0aX:%201", "example.com /%0D%0AX:%201"},
        {"dots in a name", "/.well-known/..a/a../b...", "example.com /.well-known/..a/a../b..."},
        {"browsers send these", "/[a]|{b}^`", "example.com /[a]|{b}^`"},
        {"10.2 a query", "/?a=1&b", "example.com /?a=1&b"},
        {"an empty query is one", "/a?", "example.com /a?"},
        {"escapes in the query", "/?%61=%2f%7e", "example.com /?a=%2F~"},
        {"question marks in the query", "/?a?b?", "example.com /?a?b?"},
        {"slashes and dots in the query", "/?a=/../b", "example.com /?a=/../b"},
        {"both rewritten", "/%61?%62", "example.com /a?b"},
        {"a long one", "/" + std::string(20, 'a') + "%41?" + std::string(20, 'b') + "%42",
         "example.com /aaaaaaaaaaaaaaaaaaaaA?bbbbbbbbbbbbbbbbbbbbB"},
    };
    for (const form& c : cases) {
        EXPECT_EQ(of_target(c.given), c.result) << c.name;
    }
}

TEST(Target, RefusesWhatHasNoForm)
{
    using namespace std::string_literals;
    const std::vector<form> cases{
        {"a dot segment", "/a/../b", "bad_target"},
        {"at the start", "/../b", "bad_target"},
        {"at the end", "/a/..", "bad_target"},
        {"a single dot", "/a/./b", "bad_target"},
        {"a single dot at the end", "/a/.", "bad_target"},
        {"alone", "/.", "bad_target"},
        {"encoded", "/a/%2e%2e/b", "bad_target"},
        {"half encoded", "/a/.%2E/b", "bad_target"},
        {"the second of two", "/.a/../b", "bad_target"},
        {"an escape cut short", "/a%", "bad_target"},
        {"an escape with one digit", "/a%4", "bad_target"},
        {"no hexadecimal digit", "/a%4g", "bad_target"},
        {"no hexadecimal digit first", "/a%g4", "bad_target"},
        {"a percent sign and a sign", "/a%-1", "bad_target"},
        {"in the query", "/?a=%zz", "bad_target"},
        {"NUL", "/a%00b", "bad_target"},
        {"NUL in the query", "/?a=%00", "bad_target"},
        {"a raw NUL", "/a\0b"s, "bad_target"},
        {"a fragment", "/a#b", "bad_target"},
        {"a fragment in the query", "/?a#b", "bad_target"},
        {"a fragment behind an escape", "/%41#b", "bad_target"},
        {"9 a backslash", "/a\\b", "bad_target"},
        {"9 a quote", "/a\"b", "bad_target"},
        {"9 angle brackets", "/<b>", "bad_target"},
        {"9 a blank", "/a b", "bad_target"},
        {"9 a byte above 0x7f", "/\xc3\xa4", "bad_target"},
        {"9 DEL", "/\x7f", "bad_target"},
        {"9 empty", "", "bad_target"},
        {"9 no slash", "a", "bad_target"},
        {"9 @evil", "@evil", "bad_target"},
        {"9 ?x", "?x", "bad_target"},
        {"9 authority form", "example.com:80", "bad_target"},
        {"9 a star for GET", "*", "bad_target"},
        {"9 more than a star", "*a", "bad_target"},
        {"another scheme", "ftp://example.com/", "bad_target"},
        {"a scheme that begins like ours", "httpx://example.com/", "bad_target"},
        {"a scheme alone", "http:/a", "bad_target"},
        {"a scheme before nothing", "://example.com/", "bad_target"},
        {"10 user information", "http://user@example.com/", "bad_host"},
        {"10 no authority", "http:///a", "bad_host"},
        {"10 nothing behind the scheme", "http://", "bad_host"},
        {"a fragment in absolute form", "http://example.com#a", "bad_target"},
        {"dots in absolute form", "http://example.com/../a", "bad_target"},
        {"a star for a path", "http://example.com*", "bad_host"},
    };
    for (const form& c : cases) {
        EXPECT_EQ(of_target(c.given), c.result) << c.name << ": " << c.given;
    }
}

TEST(Target, TakesTheStarForOptionsOnly)
{
    EXPECT_EQ(of_target("*", "OPTIONS"), "example.com *");
    EXPECT_EQ(of_target("http://example.com", "OPTIONS"), "example.com *");   // RFC 9112 §3.2.4
    EXPECT_EQ(of_target("http://example.com/", "OPTIONS"), "example.com /");
    EXPECT_EQ(of_target("http://example.com?", "OPTIONS"), "example.com /?");
    for (const char* verb : {"GET", "HEAD", "POST", "options", "DELETE"}) {
        EXPECT_EQ(of_target("*", verb), "bad_target") << verb;
    }
}

TEST(Target, GivesTheHostOneForm)
{
    const std::vector<form> cases{
        {"10.1", "example.com", "example.com /"},
        {"10.1 lower case", "EXAMPLE.Com", "example.com /"},
        {"trailing dot", "example.com.", "example.com /"},
        {"default port", "example.com:80", "example.com /"},
        {"default port with zeros", "example.com:0080", "example.com /"},
        {"an empty port", "example.com:", "example.com /"},
        {"all at once", "Example.Com.:80", "example.com /"},
        {"another port", "example.com:8080", "example.com:8080 /"},
        {"another port with zeros", "example.com:08080", "example.com:8080 /"},
        {"another port behind a dot", "example.com.:8080", "example.com:8080 /"},
        {"the port of the other scheme", "example.com:443", "example.com:443 /"},
        {"10 port 0", "example.com:0", "example.com:0 /"},
        {"10 port 65535", "example.com:65535", "example.com:65535 /"},
        {"an underscore", "a_b.example", "a_b.example /"},
        {"digits", "127.0.0.1:81", "127.0.0.1:81 /"},
        {"IPv6", "[::1]", "[::1] /"},
        {"IPv6 with the default port", "[::1]:80", "[::1] /"},
        {"IPv6 with a port", "[2001:DB8::1]:8080", "[2001:db8::1]:8080 /"},
        {"IPv6 with IPv4", "[::ffff:1.2.3.4]", "[::ffff:1.2.3.4] /"},
        {"255 characters", std::string(255, 'a'), nullptr},
    };
    for (const form& c : cases) {
        EXPECT_EQ(of_host(c.given), c.result != nullptr ? c.result : c.given + " /") << c.name;
    }
}

TEST(Target, RefusesAMalformedHost)
{
    using namespace std::string_literals;
    for (const std::string& host :
         {""s, "."s, ".."s, "a.."s, ":80"s, ".:80"s, "a@b"s, "a/b"s, "a?b"s, "a#b"s, "a\\b"s, "a,b"s, "a<b"s, "a\"b"s, "a b"s, "a\tb"s, "a%41"s,
          "a:b"s, "a:8O"s, "a:-1"s, "a:+80"s, "a: 80"s, "a:80 "s, "a:65536"s, "a:99999999999999999999"s, "a:80:80"s, "a:0x50"s, "::1"s, "["s,
          "[]"s, "[::1"s, "[::1]a"s, "[::1]."s, "[::g]"s, "[1.2.3.4]"s, "[::1%eth0]"s, "[v1.a]"s, "a[::1]"s, "\xc3\xa4.example"s, "a*"s, "a!b"s,
          "a;b"s, "a\0b"s, std::string(256, 'a'), "http://a"s}) {
        EXPECT_EQ(of_host(host), "bad_host") << host;
    }
}

TEST(Target, WantsExactlyOneHost)
{
    EXPECT_EQ(canonical(asked("/", {})), "bad_host");                                      // 10.1
    EXPECT_EQ(canonical(asked("/", {"a", "b"})), "bad_host");
    EXPECT_EQ(canonical(asked("/", {"a", "a"})), "bad_host");
    EXPECT_EQ(canonical(asked("http://a/", {})), "bad_host");
    EXPECT_EQ(canonical(asked("http://a/", {"a", "a"})), "bad_host");
    EXPECT_EQ(canonical(asked("/", {}, 0)), "bad_host") << "nobody says which host is meant";
    EXPECT_EQ(canonical(asked("/", {"a", "a"}, 0)), "bad_host");
    EXPECT_EQ(canonical(asked("/", {"a"}, 0)), "a /");
    EXPECT_EQ(canonical(asked("http://a/", {}, 0)), "a /");
    EXPECT_EQ(canonical(asked("/", {}, 0), "127.0.0.1:8080"), "127.0.0.1:8080 /");        // the one that was connected to
    EXPECT_EQ(canonical(asked("/", {}, 0), "[::1]:80"), "[::1] /");
    EXPECT_EQ(canonical(asked("/", {"a"}, 0), "127.0.0.1:8080"), "a /");
    EXPECT_EQ(canonical(asked("http://a/", {}, 0), "127.0.0.1:8080"), "a /");
    EXPECT_EQ(canonical(asked("/", {}), "127.0.0.1:8080"), "bad_host");
    EXPECT_EQ(canonical(asked("/", {""}, 0), "127.0.0.1:8080"), "bad_host");
}

TEST(Target, LetsTheAbsoluteFormReplaceHost)
{
    EXPECT_EQ(canonical(asked("http://b/c?d", {"a"})), "b /c?d");                          // 10.1
    EXPECT_EQ(canonical(asked("http://b", {"a"})), "b /");
    EXPECT_EQ(canonical(asked("http://b?c", {"a"})), "b /?c");
    EXPECT_EQ(canonical(asked("HTTP://B:80/c", {"a"})), "b /c");
    EXPECT_EQ(canonical(asked("http://b:81/%63", {"a"})), "b:81 /c");
    EXPECT_EQ(canonical(asked("https://b:443/", {"a"})), "b /");
    EXPECT_EQ(canonical(asked("https://b:80/", {"a"})), "b:80 /");
    EXPECT_EQ(canonical(asked("http://b:443/", {"a"})), "b:443 /");
    EXPECT_EQ(canonical(asked("http://b/", {"a@b"})), "bad_host") << "a malformed Host counts also where it is replaced";
    EXPECT_EQ(canonical(asked("http://b/", {""})), "bad_host");

    std::string scratch;
    const asked https("https://B/", {"a"});
    const auto t = canonicalise_target(https.head(), scratch);
    ASSERT_TRUE(t);
    EXPECT_TRUE(t->absolute_form);
    EXPECT_EQ(t->scheme, "https");
    const asked plain("/", {"a"});
    const auto u = canonicalise_target(plain.head(), scratch);
    ASSERT_TRUE(u);
    EXPECT_FALSE(u->absolute_form);
    EXPECT_EQ(u->scheme, "");
}

TEST(Target, DropsTheDefaultPortOfTheSchemeThatIsKnown)
{
    struct {
        const char* target;
        const char* host;
        const char* scheme;
        const char* expected;
    } const cases[] = {
        {"/", "a:443", "https", "a"}, {"/", "a:80", "https", "a:80"}, {"/", "a:443", "http", "a:443"}, {"/", "a:80", "http", "a"},
        {"http://b:443/", "a", "https", "b"}, {"https://b:443/", "a", "http", "b:443"},
    };
    for (const auto& c : cases) {
        std::string scratch;
        const asked rq(c.target, {c.host});
        const auto t = canonicalise_target(rq.head(), scratch, {}, c.scheme);
        ASSERT_TRUE(t);
        EXPECT_EQ(t->host, c.expected) << c.target << ' ' << c.host << ' ' << c.scheme;
    }
}

TEST(Target, RefusesWhatAnOriginMayTakeForDotSegments)
{
    for (const char* path : {"/a/..;/b", "/..;x=1", "/.;/a", "/a/..%2fb", "/a%2F..%2Fb", "/a%2f%2e%2e", "/a%5c..%5cb", "/a%5C.", "/%2e%2e;/b"}) {
        EXPECT_EQ(canonical(asked(path, {"a"})), "bad_target") << path;
    }
    for (const char* path : {"/a;../b", "/a../b", "/..a", "/...", "/a;..", "/a%2F..b", "/.well-known/x", "/a.b/c.d", "/x%252F..%252F"}) {
        EXPECT_EQ(canonical(asked(path, {"a"})), std::string("a ") + path) << path;
    }
}

TEST(Target, KnowsHowElseAPathMayBeRead)
{
    struct {
        const char* path;
        const char* other;
    } const cases[] = {
        {"//admin/x", "/admin/x"}, {"/admin//x///y", "/admin/x/y"}, {"/admin%2Fx", "/admin/x"}, {"/admin%5Cx", "/admin/x"},
        {"/%2Fadmin", "/admin"}, {"/admin;a=1/x;b", "/admin/x"}, {"/;/admin", "/admin"}, {"/;a/;b//admin", "/admin"}, {"/a%20b", "/a%20b"},
        {"/a%252Fb", "/a%252Fb"}, {"//", "/"},
    };
    for (const auto& c : cases) {
        EXPECT_TRUE(has_other_reading(c.path)) << c.path;
        EXPECT_EQ(other_reading(c.path), c.other) << c.path;
    }
    for (const char* path : {"/", "/admin/x", "/a:b@c/d,e", "/a.b/"}) {
        EXPECT_FALSE(has_other_reading(path)) << path;
        EXPECT_EQ(other_reading(path), path);
    }
}

TEST(Target, PointsIntoTheRequestWhenAllIsCanonical)
{
    const asked rq("/%2F?c=%C3d", {"example.com:8080"});
    std::string scratch;
    const auto t = canonicalise_target(rq.head(), scratch);
    ASSERT_TRUE(t);
    EXPECT_EQ(t->path.data(), rq.head().target.data());
    EXPECT_EQ(t->query.data(), rq.head().target.data() + 5);
    EXPECT_EQ(t->host.data(), rq.head().first(header::host).data());
}

TEST(Target, StaysAsItIsWhenDoneAgain)
{
    for (const char* target : {"/%7Eu/%c3%a4?%61=%2f", "/a//b/?", "http://EXAMPLE.com:80/%41", "/[x]|%7c"}) {
        const asked rq(target, {"Example.COM.:8080"});
        std::string scratch;
        const auto once = canonicalise_target(rq.head(), scratch);
        ASSERT_TRUE(once);
        const std::string full = std::string(once->path) + (once->has_query ? "?" : "") + std::string(once->query);
        EXPECT_EQ(canonical(asked(full, {std::string(once->host)})), std::string(once->host) + ' ' + full) << target;
    }
}

}  // namespace
}  // namespace tiercel
