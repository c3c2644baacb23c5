#include "origin/faults.hpp"

#include <algorithm>
#include <vector>

namespace tiercel::sample_origin {
namespace {

using namespace std::string_literals;

std::string ok(const std::string& rest) { return "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n" + rest; }

std::string repeated(std::string_view text, int times)
{
    std::string out;
    for (int i = 0; i < times; ++i) { out += text; }
    return out;
}

std::string many_fields(int count)
{
    std::string out;
    for (int i = 0; i < count; ++i) { out += "X-Field-" + std::to_string(i) + ": x\r\n"; }
    return out;
}

const std::string half = "Content-Length: 1000\r\n\r\n" + repeated("half", 125);
const std::string ten = "Content-Length: 10\r\n\r\n0123456789";

std::vector<fault> all_faults()
{
    using enum ending;
    return {
        // connections
        {"no-answer", "closes without a byte", "", close},
        {"reset", "resets without a byte", "", reset},
        {"hang", "never answers", "", hang},
        {"close", "a good answer, then an unannounced close", ok(ten), close},
        {"surplus", "36 bytes more than Content-Length says", ok(ten + repeated("surplus! ", 4)), keep},
        {"second-answer", "a whole second answer behind the first", ok(ten) + ok("X-Second: 1\r\n" + ten), keep},
        // bodies that end early
        {"truncate", "half of the announced body, then the end", ok(half), close},
        {"reset-body", "half of the announced body, then a reset", ok(half), reset},
        {"reset-until-close", "a body without length, ended by a reset", ok("Connection: close\r\n\r\n" + repeated("half", 125)), reset},
        {"hang-body", "half of the announced body, then nothing", ok(half), hang},
        {"hang-head", "half a head, then nothing", ok("X-Unfinished: "), hang},
        {"truncate-head", "half a head, then the end", ok("X-Unfinished: "), close},
        // framing
        {"two-lengths", "two Content-Length lines that differ", ok("Content-Length: 5\r\n" + ten), close},
        {"length-list", "Content-Length: 10, 5", ok("Content-Length: 10, 5\r\n\r\n0123456789"), close},
        {"length-and-chunked", "Content-Length with Transfer-Encoding",
         ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), close},
        {"bad-length", "Content-Length: 10x", ok("Content-Length: 10x\r\n\r\n0123456789"), close},
        {"negative-length", "Content-Length: -10", ok("Content-Length: -10\r\n\r\n0123456789"), close},
        {"huge-length", "Content-Length: 2^64", ok("Content-Length: 18446744073709551616\r\n\r\n0123456789"), close},
        {"bad-coding", "Transfer-Encoding: gzip", ok("Transfer-Encoding: gzip\r\n\r\n0123456789"), close},
        {"chunked-twice", "Transfer-Encoding: chunked, chunked", ok("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), close},
        {"bad-chunk", "a chunk size that is no number", ok("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\nabc\r\n"), close},
        {"huge-chunk", "a chunk size of 2^64",
         ok("Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nabc\r\n0\r\n\r\n"), close},
        {"short-chunk", "the end in the middle of a chunk", ok("Transfer-Encoding: chunked\r\n\r\n64\r\nabc"), close},
        {"no-last-chunk", "the end without the last chunk", ok("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), close},
        {"lf-chunk", "chunk lines that end in a bare LF", ok("Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"), close},
        // heads
        {"garbage", "bytes that are not HTTP", "\x16\x03\x01\x02 this is not HTTP\r\n\r\n", close},
        {"http09", "a body without a head", "<html>0.9</html>\n", close},
        {"bad-version", "HTTP/2.7 in the status line", "HTTP/2.7 200 OK\r\nCache-Control: max-age=60\r\n" + ten, close},
        {"bad-status", "a status of two digits", "HTTP/1.1 20 OK\r\nCache-Control: max-age=60\r\n" + ten, close},
        {"nul", "NUL in a field value", ok("X-Nul: a\0b\r\n"s + ten), close},
        {"bare-cr", "CR in a field value", ok("X-Cr: a\rX-Injected: b\r\n" + ten), close},
        {"bare-lf", "field lines that end in a bare LF",
         "HTTP/1.1 200 OK\nCache-Control: max-age=60\nContent-Length: 2\n\nok", close},
        {"fold", "a field value folded over two lines", ok("X-Fold: a\r\n b\r\n" + ten), close},
        {"space-colon", "a blank before the colon", ok("X-Blank : a\r\n" + ten), close},
        {"no-colon", "a line without colon", ok("X-Nothing\r\n" + ten), close},
        {"big-head", "a field of 256 KiB", ok("X-Big: " + std::string(256 * 1024, 'x') + "\r\n" + ten), close},
        {"many-fields", "2,000 fields", ok(many_fields(2000) + ten), close},
        // statuses out of place
        {"early-413", "413 before the request body was read", "HTTP/1.1 413 Content Too Large\r\n" + ten, close},
        {"unasked-101", "101 that nobody asked for",
         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw", close},
        {"unasked-206", "a part that nobody asked for", "HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\n"
         "Content-Range: bytes 0-9/100\r\n" + ten, keep},
        {"unasked-304", "304 that nobody asked for",
         "HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n\r\n", keep},
        {"body-204", "204 with a body", "HTTP/1.1 204 No Content\r\nCache-Control: max-age=60\r\n" + ten, keep},
        {"endless-103", "ten thousand interim answers",
         repeated("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 10'000) + ok(ten), close},
    };
}

}  // namespace

std::span<const fault> faults()
{
    static const std::vector<fault> table = all_faults();
    return table;
}

const fault* find_fault(std::string_view name)
{
    const auto table = faults();
    const auto at = std::find_if(table.begin(), table.end(), [&](const fault& f) { return f.name == name; });
    return at == table.end() ? nullptr : &*at;
}

}  // namespace tiercel::sample_origin
