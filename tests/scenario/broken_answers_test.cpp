#include "scenario.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <list>
#include <map>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>

namespace tiercel::test {
namespace {

// Nothing truncated, mis-framed or mixed up is ever stored. Each of many URLs is answered once in some broken way, drawn by
// its number, and well afterwards: from then on every answer for it must be the right one. 10,000 of them;
// TIERCEL_BROKEN_ANSWERS sets another number.

using randomness = std::mt19937_64;

std::size_t below(randomness& r, std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(r); }
bool often(randomness& r) { return below(r, 2) == 0; }

template <class T, std::size_t N>
T one_of(randomness& r, const std::array<T, N>& choices)
{
    return choices[below(r, N)];
}

// May its content take several reads? Not where the surplus behind it must be there with its end.
bool may_be_long(std::uint64_t number);

// Never two of the same, and no part of one looks like HTTP.
std::string content_of(std::uint64_t number)
{
    randomness r(number * 2 + 1);
    std::string out = "content of " + std::to_string(number) + ":";
    const bool is_long = may_be_long(number) && below(r, 16) == 0;
    for (std::size_t n = below(r, is_long ? 60'000 : 4'000); n > 0; --n) { out += static_cast<char>('a' + below(r, 26)); }
    return out;
}

enum class then { keep, close, reset };

// What an origin writes, and what it does to the connection after that.
struct broken_answer {
    std::string bytes;
    then what = then::close;
    bool looks_whole = false;      // it may well be taken for an answer
};

// A good answer in parts.
struct parts {
    std::string status_line = "HTTP/1.1 200 OK\r\n";
    std::string fields;
    std::string framing;
    std::string content;           // as framed

    std::string head() const { return status_line + fields + framing + "\r\n"; }
    std::string all() const { return head() + content; }
};

std::string chunk(std::string_view content)
{
    std::ostringstream out;
    out << std::hex << content.size() << "\r\n" << content << "\r\n";
    return std::move(out).str();
}

parts good_answer(std::uint64_t number, bool chunked, bool must_validate)
{
    randomness r(number * 2);
    parts p;
    p.fields = "Cache-Control: " + std::string(must_validate ? "no-cache" : "max-age=60") + "\r\nETag: \"" + std::to_string(number) + "\"\r\n";
    for (std::size_t n = below(r, 4); n > 0; --n) { p.fields += "X-Field-" + std::to_string(n) + ": some value\r\n"; }
    const std::string content = content_of(number);
    if (!chunked) {
        p.framing = "Content-Length: " + std::to_string(content.size()) + "\r\n";
        p.content = content;
        return p;
    }
    p.framing = "Transfer-Encoding: chunked\r\n";
    for (std::string_view rest = content; !rest.empty();) {
        const std::size_t n = std::min(rest.size(), below(r, 1'000) + 1);
        p.content += chunk(rest.substr(0, n));
        rest.remove_prefix(n);
    }
    p.content += "0\r\n\r\n";
    return p;
}

// ---- the ways to be broken -------------------------------------------------------------------------------------------

using way = broken_answer (*)(std::uint64_t number, randomness& r);

broken_answer truncated(std::uint64_t number, randomness& r)
{
    std::string bytes = good_answer(number, often(r), false).all();
    bytes.resize(below(r, bytes.size()));
    return {bytes, often(r) ? then::close : then::reset, bytes.empty()};   // asked again where a kept connection had ended
}

broken_answer garbage(std::uint64_t, randomness& r)
{
    std::string bytes;
    for (std::size_t n = below(r, 2'000) + 1; n > 0; --n) { bytes += static_cast<char>(r()); }
    return {bytes, often(r) ? then::close : then::reset};
}

// A byte that has no place in a head, at any place behind the status line.
broken_answer bad_byte_in_head(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, often(r), false);
    std::string lines = p.fields + p.framing;
    const std::string byte(1, one_of(r, std::array{'\0', '\r', '\n', '\x01', '\x0b', '\x7f'}));
    std::size_t at = below(r, lines.size());
    while (lines[at] == '\n' || (byte == "\n" && at > 0 && lines[at - 1] == '\r') || (byte == "\r" && lines[at] == '\r')) {
        at = below(r, lines.size());   // there it would only say what is said already
    }
    lines.insert(at, byte);
    return {p.status_line + lines + "\r\n" + p.content};
}

// Any other byte, anywhere in the fields; the framing stays, so the content is whole or not there.
broken_answer changed_byte_in_fields(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, often(r), false);
    for (std::size_t n = below(r, 3) + 1; n > 0; --n) {
        char& c = p.fields[below(r, p.fields.size())];
        if (c != '\n' && c != '\r') { c = static_cast<char>(r() % 0x60 + 0x20); }
    }
    return {p.all(), then::close, true};
}

broken_answer wrong_length(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, false, false);
    const std::size_t size = p.content.size();
    const bool more = often(r);
    const std::size_t by = more ? below(r, 1'000) + 1 : below(r, size) + 1;
    p.framing = "Content-Length: " + std::to_string(more ? size + by : size - by) + "\r\n";
    return {p.all(), more ? one_of(r, std::array{then::close, then::reset}) : one_of(r, std::array{then::keep, then::close}), !more};
}

broken_answer malformed_length(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, false, false);
    const std::string size = std::to_string(p.content.size());
    const std::string other = std::to_string(p.content.size() + 1);
    p.framing = one_of(r, std::array<std::string, 12>{
        "Content-Length: +" + size, "Content-Length: -" + size, "Content-Length: " + size + ", " + other,
        "Content-Length: " + size + ".", "Content-Length: 0x10", "Content-Length:",
        "Content-Length: " + size + "\r\nContent-Length: " + other, "Content-Length: " + other + "\r\nContent-Length: " + size,
        "Content-Length: 99999999999999999999" + size, "Content-Length: 18446744073709551616",
        "Content-Length: " + size + " " + size, "Content-Length: " + size + "\r\ncontent-length: 0"}) + "\r\n";
    return {p.all(), one_of(r, std::array{then::keep, then::close, then::reset})};
}

broken_answer bad_chunks(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, true, false);
    const std::size_t first_line = p.content.find("\r\n");
    switch (below(r, 9)) {
    case 0: p.content.insert(0, 1, one_of(r, std::array{'g', '-', '+', ' ', '\r', ';', 'x'})); break;
    case 1: p.content.insert(first_line, one_of(r, std::array<const char*, 3>{";\"open", ";a=\x01", " b"})); break;
    case 2: p.content.replace(first_line, 2, one_of(r, std::array<const char*, 3>{"\n", "\r", "\r\r\n"})); break;
    case 3: p.content.erase(p.content.size() - 5); break;                       // no last chunk
    case 4: p.content.insert(0, "fffffffffffffffff"); break;
    case 5: p.content.replace(0, first_line, first_line == 1 && p.content[0] == '3' ? "2" : "3"); break;
    case 6: p.content.replace(0, first_line, "ffff"); break;
    case 7: p.content.erase(p.content.find("\r\n", first_line + 2), 2); break;   // no CRLF behind the content
    default: p.content.replace(p.content.size() - 2, 2, "bad trailer\r\n\r\n"); break;
    }
    return {p.all(), one_of(r, std::array{then::close, then::reset})};
}

broken_answer reset_midway(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, false, false);
    if (often(r)) { p.framing.clear(); }   // the end of the connection would be the end of the content, but for the reset
    std::string bytes = p.all();
    const std::size_t head = p.head().size();
    bytes.resize(often(r) ? bytes.size() : head + below(r, bytes.size() - head));
    if (!p.framing.empty() && bytes.size() == p.all().size()) { bytes.pop_back(); }
    return {bytes, then::reset};
}

broken_answer surplus(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, often(r), false);
    const std::string more = one_of(r, std::array<std::string, 4>{"\r\n", "x", good_answer(number + 1, false, false).all(),
                                                                  "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nevil"});
    return {p.all() + more, one_of(r, std::array{then::keep, then::close}), true};
}

broken_answer unasked_switch(std::uint64_t number, randomness& r)
{
    return {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + good_answer(number, often(r), false).all(),
            one_of(r, std::array{then::keep, then::close})};
}

broken_answer bad_status_line(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, often(r), false);
    p.status_line = one_of(r, std::array<const char*, 16>{
        "HTTP/0.9 200 OK\r\n", "HTTP/2 200 OK\r\n", "HTTP/2.0 200 OK\r\n", "http/1.1 200 OK\r\n", "200 OK\r\n", "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1  200 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 2x0 OK\r\n", "ICY 200 OK\r\n", "HTTP/1.1\t200 OK\r\n", "HTTP/1.1 200 OK\n",
        "HTTP/1.1 -200 OK\r\n", "\r\nHTTP/1.1 200 OK\r\n", "HTTP/1.1 000 OK\r\n", "HTTP/1.1 200 \x01\r\n"});
    return {p.all(), one_of(r, std::array{then::keep, then::close, then::reset})};
}

broken_answer no_head(std::uint64_t number, randomness& r) { return {content_of(number), often(r) ? then::close : then::reset}; }

broken_answer odd_coding(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, true, false);
    switch (below(r, 3)) {
    case 0: p.framing = "Transfer-Encoding: chunked, chunked\r\n"; break;
    case 1: p.framing = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"; break;
    default: p.status_line = "HTTP/1.0 200 OK\r\n"; break;
    }
    return {p.all(), one_of(r, std::array{then::keep, then::close})};
}

broken_answer unasked_not_modified(std::uint64_t number, randomness& r)
{
    return {"HTTP/1.1 304 Not Modified\r\nETag: \"" + std::to_string(number + below(r, 2)) + "\"\r\n\r\n" + (often(r) ? content_of(number) : ""),
            one_of(r, std::array{then::keep, then::close}), true};   // where one was asked for, it may mean what it says
}

broken_answer only_a_part(std::uint64_t number, randomness& r)
{
    const std::string content = content_of(number);
    const std::size_t n = below(r, content.size()) + 1;
    parts p = good_answer(number, false, false);
    p.status_line = "HTTP/1.1 206 Partial Content\r\n";
    p.framing = (often(r) ? "Content-Range: bytes 0-" + std::to_string(n - 1) + "/" + std::to_string(content.size()) + "\r\n" : std::string()) +
                "Content-Length: " + std::to_string(n) + "\r\n";
    p.content = content.substr(0, n);
    return {p.all(), then::keep, true};
}

broken_answer folded_or_blank(std::uint64_t number, randomness& r)
{
    parts p = good_answer(number, often(r), false);
    p.fields += one_of(r, std::array<const char*, 6>{
        " folded: line\r\n", "X-Blank : x\r\n", "no colon\r\n", ": no name\r\n", "X-A: b\r\n\tc\r\n", "(x): y\r\n"});
    return {p.all(), one_of(r, std::array{then::keep, then::close, then::reset})};
}

constexpr std::array ways{truncated, truncated, garbage, bad_byte_in_head, changed_byte_in_fields, wrong_length, wrong_length, malformed_length,
                          bad_chunks, bad_chunks, reset_midway, surplus, unasked_switch, bad_status_line, no_head, odd_coding,
                          unasked_not_modified, only_a_part, folded_or_blank};

bool may_be_long(std::uint64_t number)
{
    const way w = ways[number % ways.size()];
    return w != way(wrong_length) && w != way(surplus);
}

broken_answer break_somehow(std::uint64_t number)
{
    randomness r(number);
    const way w = ways[number % ways.size()];
    return w(number, r);
}

// ---- the origin ------------------------------------------------------------------------------------------------------

// Answers "/N" in turn as told: broken or well.
class moody_origin {
public:
    ~moody_origin()
    {
        ::shutdown(listener_.get(), SHUT_RDWR);
        acceptor_.join();
        reap(true);
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_of(listener_)); }
    void break_next(std::uint64_t number)
    {
        const std::lock_guard lock(mutex_);
        to_break_.push_back(number);
    }
    // "no-cache" or not, as the path says: "/v/N" is validated on each use.
    static std::string target_of(std::uint64_t number) { return (validates(number) ? "/v/" : "/f/") + std::to_string(number); }
    static bool validates(std::uint64_t number) { return number % 4 == 3; }

private:
    struct link {
        byte_stream stream;
        std::thread thread;
        bool done = false;             // guarded by mutex_
    };

    void reap(bool all)
    {
        std::list<link> ended;
        {
            const std::lock_guard lock(mutex_);
            for (auto at = links_.begin(); at != links_.end();) {
                const auto next = std::next(at);
                if (all) { at->stream.interrupt(); }
                if (all || at->done) { ended.splice(ended.end(), links_, at); }
                at = next;
            }
        }
        for (link& l : ended) { l.thread.join(); }
    }

    void accept_all()
    {
        for (;;) {
            unique_fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!fd) { return; }
            reap(false);
            const std::lock_guard lock(mutex_);
            link& l = links_.emplace_back();
            l.stream = byte_stream(std::move(fd));
            l.thread = std::thread([this, &l] { serve(l); });
        }
    }
    bool take_to_break(std::uint64_t number)
    {
        const std::lock_guard lock(mutex_);
        return std::erase(to_break_, number) > 0;
    }
    void serve(link& l)
    {
        bool reset = false;
        try {
            while (answer(l.stream, reset)) {}
        } catch (const std::exception&) {
            // The proxy has hung up.
        }
        const std::lock_guard lock(mutex_);   // against reap(), as a reset closes the descriptor
        if (reset) { l.stream.reset(); } else { l.stream.interrupt(); }
        l.done = true;
    }
    // Some come in pieces, so that what is wrong shows when the client has a part of it already. Not where surplus must be
    // there with the end, as what comes later is nobody's fault.
    static void send_in_pieces(byte_stream& to, const broken_answer& b, std::uint64_t number)
    {
        randomness r(number);
        std::string_view rest = b.bytes;
        if (!b.looks_whole && often(r)) {
            for (std::size_t n = below(r, 3) + 1; n > 0 && !rest.empty(); --n) {
                const std::size_t size = below(r, rest.size()) + 1;
                if (!to.try_send(rest.substr(0, size))) { return; }
                rest.remove_prefix(size);
                std::this_thread::sleep_for(std::chrono::microseconds(200));   // only makes it likely that it is read
            }
        }
        to.try_send(rest);
    }
    // False: that was the last one on this connection.
    bool answer(byte_stream& to, bool& reset)
    {
        const http_request rq = read_request(to, after(std::chrono::minutes(5)));
        const std::uint64_t number = std::stoull(rq.target.substr(3));
        if (!take_to_break(number)) {
            const bool same = rq.header("If-None-Match") == "\"" + std::to_string(number) + "\"";
            to.send(same ? "HTTP/1.1 304 Not Modified\r\nETag: \"" + std::to_string(number) + "\"\r\n\r\n"
                         : good_answer(number, number % 2 == 0, validates(number)).all());
            return true;
        }
        const broken_answer b = break_somehow(number);
        send_in_pieces(to, b, number);
        reset = b.what == then::reset;
        return b.what == then::keep;
    }

    unique_fd listener_ = listen_on_loopback();
    std::mutex mutex_;
    std::vector<std::uint64_t> to_break_;
    std::list<link> links_;
    std::thread acceptor_{[this] { accept_all(); }};
};

// ---- the client ------------------------------------------------------------------------------------------------------

struct tally {
    std::atomic<int> wrong = 0;
    std::atomic<int> refused = 0;     // the broken answer became an error of ours
    std::atomic<int> cut = 0;         // or a connection that broke
    std::atomic<int> passed = 0;      // or passed, as what it looked like
};

class asker {
public:
    asker(raw_client c, moody_origin& origin, tally& counts) : client_(std::move(c)), origin_(origin), counts_(counts) {}

    void try_out(std::uint64_t number)
    {
        const std::string target = moody_origin::target_of(number);
        if (moody_origin::validates(number)) { expect_right(number, target); }   // something to validate, and to lose
        origin_.break_next(number);
        ask_for_broken(number, target);
        for (int i = 0; i < 2; ++i) { expect_right(number, target); }
    }

private:
    void ask_for_broken(std::uint64_t number, const std::string& target)
    {
        const bool looks_whole = break_somehow(number).looks_whole;
        try {
            const http_response r = client_.get(target, {{"Host", "shop.test"}});
            if (r.status == 502 || r.status == 504) {   // 504 where what is stored needs a validation (RFC 9111 §5.2.2.2)
                ++counts_.refused;
            } else if (looks_whole) {
                ++counts_.passed;
            } else {
                report(number, "a broken answer ends cleanly", r);
            }
        } catch (const std::exception&) {
            client_.close();
            ++counts_.cut;
        }
    }
    void expect_right(std::uint64_t number, const std::string& target)
    {
        try {
            const http_response r = client_.get(target, {{"Host", "shop.test"}});
            if (r.status != 200 || r.body != content_of(number)) { report(number, "wrong", r); }
        } catch (const std::exception& e) {
            client_.close();
            ++counts_.wrong;
            ADD_FAILURE() << "answer " << number << ": " << e.what() << "\nbroken was:\n" << break_somehow(number).bytes.substr(0, 600);
        }
    }
    void report(std::uint64_t number, const std::string& what, const http_response& r)
    {
        ++counts_.wrong;
        ADD_FAILURE() << "answer " << number << ": " << what << "\n" << r.raw_head << r.body.substr(0, 100) << "\nbroken was:\n"
                      << break_somehow(number).bytes.substr(0, 600);
    }

    raw_client client_;
    moody_origin& origin_;
    tally& counts_;
};

TEST(BrokenAnswers, LeaveNoWrongByteBehind)
{
    const char* const wanted = std::getenv("TIERCEL_BROKEN_ANSWERS");
    const std::uint64_t answers = wanted != nullptr ? std::stoull(wanted) : 10'000;
    moody_origin origin;
    scenario s;
    s.set("origins.shop.endpoints", "[ '" + origin.url() + "' ]").set("routes.0.stampede.error_memo", "0s");
    s.set("routes.0.stale.if_unreachable", "0s");
    s.configure("origins: { shop: { breaker: { failures: 100, window: 1s } } }");
    s.start();

    tally counts;
    constexpr std::uint64_t clients = 4;
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < clients; ++t) {
        threads.emplace_back([&, t] {
            asker a(s.client(), origin, counts);
            for (std::uint64_t n = t; n < answers && counts.wrong < 5; n += clients) { a.try_out(n); }
        });
    }
    for (std::thread& t : threads) { t.join(); }
    EXPECT_EQ(counts.wrong, 0);
    // Each kind of end occurs, else nothing was shown.
    EXPECT_GT(counts.refused, static_cast<int>(answers / 4));
    EXPECT_GT(counts.cut, static_cast<int>(answers / 40));
    EXPECT_GT(counts.passed, static_cast<int>(answers / 20));
    std::cout << answers << " broken answers: " << counts.refused << " refused, " << counts.cut << " cut off, " << counts.passed
              << " passed as what they looked like, " << counts.wrong << " wrong bytes\n";
}

}  // namespace
}  // namespace tiercel::test
