#include "blackbox/hostile_requests.hpp"

namespace tiercel::test {
namespace {

using namespace std::string_literals;

const std::string line = "POST /page/x HTTP/1.1\r\n";
const std::string host = "Host: shop\r\n";

std::string post(const std::string& fields, const std::string& body = "")
{
    return line + host + fields + "\r\n" + body;
}

std::string get(const std::string& fields) { return "GET /page/x HTTP/1.1\r\n" + host + fields + "\r\n"; }
std::string asking(const std::string& target) { return "GET " + target + " HTTP/1.1\r\n" + host + "\r\n"; }
std::string for_host(const std::string& value) { return "GET /page/x HTTP/1.1\r\nHost: " + value + "\r\n\r\n"; }
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }

// What a lenient reader takes for the whole body of either framing.
const std::string no_chunks = "0\r\n\r\n";

}  // namespace

std::vector<hostile_request> hostile_framing()
{
    const std::vector<int> bad{400};
    const std::vector<int> bad_coding{400, 501};
    std::vector<hostile_request> out{
        {"2 length, then coding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", no_chunks), bad},
        {"2 coding, then length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", no_chunks), bad},
        {"2 coding, and a length of 0", post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", no_chunks), bad},
        {"2 names in odd case", post("tRANSFER-eNCODING: chunked\r\nCONTENT-LENGTH: 5\r\n", no_chunks), bad},
        {"2 other coding beside a length", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello"), bad_coding},
        {"2 two lines of chunked", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", no_chunks), bad_coding},
        {"2 chunked, then identity, in two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", no_chunks), bad_coding},
        {"2 length between two codings",
         post("Transfer-Encoding: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", no_chunks), bad_coding},
        {"2 coding in a request of HTTP/1.0", "POST /page/x HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" + no_chunks, bad},
        {"2 the same, kept alive",
         "POST /page/x HTTP/1.0\r\n" + host + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + no_chunks, bad},
        {"2 coding on a GET beside a length", get("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n") + no_chunks, bad},
        {"3 two lengths that differ", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), bad},
        {"3 two lengths that agree", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), bad},
        {"3 two lengths, the first 0", post("Content-Length: 0\r\nContent-Length: 5\r\n", "hello"), bad},
        {"3 obs-text before the length", post("Content-Length: \xa0" "5\r\n", "hello"), bad},
    };
    for (const char* value : {"identity", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked",
                              "chunked, identity", "chunked;q=1", "\"chunked\"", "'chunked'", "xchunked", "chunkedx", "chunked x",
                              "x chunked", "chunke", "", ",", "chunked\x7f", "\x0b" "chunked", "\xef\xbb\xbf" "chunked", "cow"}) {
        out.push_back({"2 coding <" + std::string(value) + ">",
                       post("Transfer-Encoding: " + std::string(value) + "\r\n", no_chunks), bad_coding});
    }
    for (const char* value : {"18446744073709551616", "18446744073709551615", "9223372036854775808",
                              "0000000000000000000000000000000000000000000000000000000000000018446744073709551617",
                              "1111111111111111111111111111111111111111", "+5", "-5", "-0", "5x", "x5", "0x5", "5,5", "5, 5", "5,6",
                              "5 5", "5;", "5.0", "5e0", "", ",", "5,", "\"5\"", "five", "\x0b" "5", "5\x0c"}) {
        // A length that fits into 64 bits and is merely too large is 413.
        const bool fits = value == "18446744073709551615"s || value == "9223372036854775808"s;
        out.push_back({"3 length <" + std::string(value) + ">", post("Content-Length: " + std::string(value) + "\r\n", "hello"),
                       fits ? std::vector<int>{400, 413} : bad});
    }
    return out;
}

std::vector<hostile_request> hostile_chunks()
{
    const std::vector<int> bad{400};
    std::vector<hostile_request> out{
        {"4 NUL in an extension", chunked("5;a=b\0c\r\nhello\r\n0\r\n\r\n"s), bad},
        {"4 bare LF in an extension", chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), bad},
        {"4 bare CR in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), bad},
        {"4 quote that never ends", chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n"), bad},
        {"4 endless extension", chunked("5;" + std::string(100'000, 'x') + "\r\nhello\r\n0\r\n\r\n"), {400, 413, 431}},
        {"4 size line in LF", chunked("5\nhello\r\n0\r\n\r\n"), bad},
        {"4 content ends in LF", chunked("5\r\nhello\n0\r\n\r\n"), bad},
        {"4 content ends in CR", chunked("5\r\nhello\r0\r\n\r\n"), bad},
        {"4 content ends in other bytes", chunked("5\r\nhelloxx0\r\n\r\n"), bad},
        {"4 content longer than its size", chunked("5\r\nhello!\r\n0\r\n\r\n"), bad},
        {"4 last chunk in LF", chunked("5\r\nhello\r\n0\n\r\n"), bad},
        {"4 empty line in LF", chunked("5\r\nhello\r\n0\r\n\n"), bad},
        {"4 empty line in CR", chunked("5\r\nhello\r\n0\r\n\rGET "), bad},
        {"4 trailer without colon", chunked("0\r\nnothing\r\n\r\n"), bad},
        {"4 trailer in LF", chunked("0\r\nX-A: b\n\r\n"), bad},
        {"4 trailer with CR", chunked("0\r\nX-A: b\rc\r\n\r\n"), bad},
        {"4 trailer with NUL", chunked("0\r\nX-A: b\0c\r\n\r\n"s), bad},
        {"4 folded trailer", chunked("0\r\nX-A: b\r\n c\r\n\r\n"), bad},
        {"4 blank before the colon of a trailer", chunked("0\r\nX-A : b\r\n\r\n"), bad},
        {"4 trailers without end", chunked("0\r\nX-A: " + std::string(200'000, 'x') + "\r\n\r\n"), {400, 413, 431}},
        {"4 ten thousand trailers",
         [] {
             std::string all = "0\r\n";
             for (int i = 0; i < 10'000; ++i) { all += "X-" + std::to_string(i) + ": x\r\n"; }
             return chunked(all + "\r\n");
         }(),
         {400, 413, 431}},
    };
    for (const char* size : {"", "x", "g", "0x5", "+5", "-5", " 5", "5x", "5 5", "\t5", "10000000000000000",
                             "fffffffffffffffff", "00000000000000005", "5.0", "\"5\"", "{5}", "\x0b" "5"}) {
        out.push_back({"4 size <" + std::string(size) + ">", chunked(std::string(size) + "\r\nhello\r\n0\r\n\r\n"), bad});
    }
    return out;
}

std::vector<hostile_request> hostile_lines()
{
    const std::vector<int> bad{400};
    std::vector<hostile_request> out{
        {"8 head in LF", "GET /page/x HTTP/1.1\nHost: shop\n\n", bad},
        {"8 request line in LF", "GET /page/x HTTP/1.1\n" + host + "\r\n", bad},
        {"8 one field line in LF", "GET /page/x HTTP/1.1\r\nHost: shop\nX-A: b\r\n\r\n", bad},
        {"8 empty line in LF", "GET /page/x HTTP/1.1\r\n" + host + "\n", bad},
        {"8 bare CR in a value", get("X-A: b\rX-B: c\r\n"), bad},
        {"8 bare CR at the end of a value", get("X-A: b\r\r\n"), bad},
        {"8 bare CR before a name", get("\rX-A: b\r\n"), bad},
        {"8 bare CR in a name", get("X-\rA: b\r\n"), bad},
        {"8 lines that end in CR", "GET /page/x HTTP/1.1\rHost: shop\r\r", bad},
        {"8 folded value", get("X-A: b\r\n c\r\n"), bad},
        {"8 value folded by a tab", get("X-A: b\r\n\tc\r\n"), bad},
        {"8 folded coding", post("Transfer-Encoding:\r\n chunked\r\n", no_chunks), bad},
        {"8 folded first line", "GET /page/x HTTP/1.1\r\n X-A: b\r\n" + host + "\r\n", bad},
        {"8 blank before the colon", get("X-A : b\r\n"), bad},
        {"8 tab before the colon", get("X-A\t: b\r\n"), bad},
        {"8 blank before the colon of a length", post("Content-Length : 5\r\n", "hello"), bad},
        {"8 blank before the colon of a coding", post("Transfer-Encoding : chunked\r\n", no_chunks), bad},
        {"8 blank inside a name", get("X A: b\r\n"), bad},
        {"8 line without colon", get("X-A\r\n"), bad},
        {"8 empty name", get(": b\r\n"), bad},
        {"8 line of blanks", get(" \r\n"), bad},
        {"8 name in quotes", get("\"X-A\": b\r\n"), bad},
        {"8 name above 0x7f", get("X-\xc3\xa4: b\r\n"), bad},
        {"8 NUL in a name", get("X-\0A: b\r\n"s), bad},
        {"8 NUL before a name", get("\0Content-Length: 5\r\n"s), bad},
        {"9 no version", "GET /page/x\r\n\r\n", bad},
        {"9 no version, with fields", "GET /page/x\r\n" + host + "\r\n", bad},
        {"9 no target", "GET HTTP/1.1\r\n" + host + "\r\n", bad},
        {"9 nothing", " \r\n\r\n", bad},
        {"9 blank before the method", " GET /page/x HTTP/1.1\r\n" + host + "\r\n", bad},
        {"9 two blanks behind the method", "GET  /page/x HTTP/1.1\r\n" + host + "\r\n", bad},
        {"9 two blanks before the version", "GET /page/x  HTTP/1.1\r\n" + host + "\r\n", bad},
        {"9 tab behind the method", "GET\t/page/x HTTP/1.1\r\n" + host + "\r\n", bad},
        {"9 tab before the version", "GET /page/x\tHTTP/1.1\r\n" + host + "\r\n", bad},
        {"9 blank behind the version", "GET /page/x HTTP/1.1 \r\n" + host + "\r\n", bad},
        {"9 version in lower case", "GET /page/x http/1.1\r\n" + host + "\r\n", bad},
        {"9 version of two digits", "GET /page/x HTTP/1.10\r\n" + host + "\r\n", bad},
        {"9 version with zeros", "GET /page/x HTTP/01.1\r\n" + host + "\r\n", bad},
        {"9 version without point", "GET /page/x HTTP/11\r\n" + host + "\r\n", bad},
        {"9 version 2.0", "GET /page/x HTTP/2.0\r\n" + host + "\r\n", {400, 505}},
        {"9 version 0.9", "GET /page/x HTTP/0.9\r\n" + host + "\r\n", {400, 505}},
        {"9 preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 505}},
        {"9 another protocol", "SSH-2.0-OpenSSH_9.2\r\n", bad},
        {"9 a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, bad},
        {"9 method that is no token", "G(T /page/x HTTP/1.1\r\n" + host + "\r\n", bad},
        {"9 method with a colon", "GET: /page/x HTTP/1.1\r\n" + host + "\r\n", bad},
        {"9 method above 0x7f", "G\xc3\x89T /page/x HTTP/1.1\r\n" + host + "\r\n", bad},
        {"9 endless method", std::string(100'000, 'G'), {400, 431}},
    };
    // Everything below the blank, and DEL, where a name, value, method or target could hold it.
    for (const int c : {0x00, 0x01, 0x02, 0x07, 0x08, 0x0b, 0x0c, 0x0e, 0x1b, 0x1f, 0x7f}) {
        const std::string byte(1, static_cast<char>(c));
        const std::string code = std::to_string(c);
        out.push_back({"8 control " + code + " in a value", get("X-A: b" + byte + "c\r\n"), bad});
        out.push_back({"8 control " + code + " before a length", post("Content-Length:" + byte + "5\r\n", "hello"), bad});
        out.push_back({"8 control " + code + " in a name", get("X-" + byte + "A: b\r\n"), bad});
        out.push_back({"8 control " + code + " in the target", asking("/page/x" + byte), bad});
        out.push_back({"8 control " + code + " in the method", "G" + byte + "T /page/x HTTP/1.1\r\n" + host + "\r\n", bad});
    }
    return out;
}

std::vector<hostile_request> hostile_targets()
{
    const std::vector<int> bad{400};
    const std::vector<int> refused_method{400, 405, 501};
    std::vector<hostile_request> out{
        {"9 CONNECT", "CONNECT shop:443 HTTP/1.1\r\n" + host + "\r\n", refused_method},
        {"9 CONNECT with a path", "CONNECT /page/x HTTP/1.1\r\n" + host + "\r\n", refused_method},
        {"9 CONNECT in absolute form", "CONNECT http://shop/page/x HTTP/1.1\r\n" + host + "\r\n", refused_method},
        {"9 TRACE", "TRACE /page/x HTTP/1.1\r\n" + host + "Cookie: secret\r\n\r\n", refused_method},
    };
    for (const char* target : {"@evil", "?x", "page/x", "*", ":80/x", "shop:80", "http:/page/x", "http:///page/x", "http://",
                               "http:page", "ftp://shop/page/x", "file:///etc/passwd", "javascript:x", "http://user@shop/page/x",
                               "http://shop@evil/page/x", "http://shop:x/page/x", "http://shop:65536/page/x", "http://[::1/page/x",
                               "http://shop\\evil/page/x", "http://shop,evil/page/x", "/page/x#fragment", "#", "/page/\xc3\xa4",
                               "/page/\xff", "/page/%", "/page/%4", "/page/%zz", "/page/%4g", "/page/%00", "/page/x?%00", "/page/x?a=%",
                               "/page/<x>", "/page/\"x\"", "/page/\\x", "/../etc/passwd", "/page/../x", "/page/..", "/page/./x",
                               "/page/%2e%2e/x", "/page/.%2E/x", "/page/x y"}) {
        out.push_back({"9 target <" + std::string(target) + ">", asking(target), bad});
    }
    return out;
}

std::vector<hostile_request> hostile_hosts()
{
    const std::vector<int> bad{400};
    std::vector<hostile_request> out{
        {"10 no Host", "GET /page/x HTTP/1.1\r\n\r\n", bad},
        {"10 two Hosts", "GET /page/x HTTP/1.1\r\nHost: shop\r\nHost: evil\r\n\r\n", bad},
        {"10 two equal Hosts", "GET /page/x HTTP/1.1\r\nHost: shop\r\nhost: shop\r\n\r\n", bad},
        {"10 two Hosts behind an absolute form", "GET http://shop/page/x HTTP/1.1\r\nHost: shop\r\nHost: evil\r\n\r\n", bad},
        {"10 no Host behind an absolute form", "GET http://shop/page/x HTTP/1.1\r\n\r\n", bad},
        {"10 bad Host behind an absolute form", "GET http://shop/page/x HTTP/1.1\r\nHost: a b\r\n\r\n", bad},
        {"10 two Hosts in HTTP/1.0", "GET /page/x HTTP/1.0\r\nHost: shop\r\nHost: evil\r\n\r\n", bad},
        {"10 blank before the colon of Host", "GET /page/x HTTP/1.1\r\nHost : shop\r\n\r\n", bad},
        {"10 NUL in Host", for_host("sh\0op"s), bad},
    };
    for (const char* value : {"", "shop@evil", "@", "shop/evil", "/", "shop?evil", "?", "shop#evil", "#", "shop\\evil", "shop,evil",
                              "shop, evil", "shop<evil", "shop\"evil", "shop evil", "shop\tevil", "http://shop", "shop:x", "shop:-1",
                              "shop:65536", "shop:99999999999999999999", "shop:80:80", ":80", ":", ".", "shop..", "[", "[]", "[::1",
                              "::1", "[::1]x", "[::1]:x", "[g::1]", "sh\xc3\xb6p", "shop%00", "shop%2f", "shop;", "shop'", "(shop)",
                              "$shop", "{shop}", "shop|evil", "*"}) {
        out.push_back({"10 Host <" + std::string(value) + ">", for_host(value), bad});
    }
    out.push_back({"10 Host of 300 bytes", for_host(std::string(300, 'a')), bad});
    return out;
}

std::vector<hostile_request> hostile_tenants()
{
    const std::vector<int> bad{400};
    std::vector<hostile_request> out{
        {"22 two tenants", get("X-Tenant-ID: red\r\nX-Tenant-ID: blue\r\n"), bad},
        {"22 two equal tenants", get("X-Tenant-ID: red\r\nX-Tenant-ID: red\r\n"), bad},
        {"22 two tenants, in other case", get("X-Tenant-ID: red\r\nx-tenant-id: blue\r\n"), bad},
        {"22 an empty tenant, then another", get("X-Tenant-ID:\r\nX-Tenant-ID: blue\r\n"), bad},
        {"22 tenant of 129 bytes", get("X-Tenant-ID: " + std::string(129, 'a') + "\r\n"), bad},
        {"22 tenant of 20,000 bytes", get("X-Tenant-ID: " + std::string(20'000, 'a') + "\r\n"), bad},
        {"22 NUL in the tenant", get("X-Tenant-ID: re\0d\r\n"s), bad},
    };
    for (const char* value : {"", "red,blue", "red, blue", "red blue", "red\tblue", "red/blue", "red|blue", "red%7cblue", "*", "re*",
                              "re?", "[a-z]", "red{}", "red:blue", "../red", "red\\", "\"red\"", "r\xc3\xa9" "d", "red\x7f", "default"}) {
        out.push_back({"22 tenant <" + std::string(value) + ">", get("X-Tenant-ID: " + std::string(value) + "\r\n"), bad});
    }
    return out;
}

}  // namespace tiercel::test
