// Ten thousand requests for random ranges of known bytes, by four clients at a time: from whole answers, from parts that are joined and
// completed, and from fetches of the whole. Meanwhile the origin changes the resource, time passes, and what is stored is invalidated.
// Each byte tells where it is and of which state, so that none can be in a wrong place unnoticed.

#include "range_origin.hpp"

#include "support/cache_status.hpp"

#include <cmath>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>

namespace tiercel::test {
namespace {

constexpr int clients = 4;
constexpr int requests_each = 2500;
constexpr int states = 24;                          // fewer than letters: no two have the same byte anywhere
constexpr std::size_t sizes[] = {1, 2, 26, 4095, 4096, 32'768, 32'769, 100'003, 1'000'000, 3'145'729};

struct span_of {
    std::size_t first;
    std::size_t last;
    friend bool operator==(const span_of&, const span_of&) = default;
};

// What is asked for, and what that means for a content of that size (RFC 9110 §14.1.2), found out by other means than the server's.
struct question {
    std::string range;
    std::vector<span_of> spans;                     // satisfiable ones, in order
    bool malformed = false;
    bool several = false;
};

class chance {
public:
    explicit chance(unsigned seed) : random_(seed) {}
    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
    bool one_in(std::size_t n) { return below(n) == 0; }
    // From 1 on, small ones as likely as large ones.
    std::size_t size_up_to(std::size_t n)
    {
        const double top = std::log(static_cast<double>(n) + 1);
        return std::max<std::size_t>(1, static_cast<std::size_t>(std::exp(std::uniform_real_distribution<double>(0, top)(random_))));
    }
    // Anywhere, or about where chunks meet.
    std::size_t position(std::size_t size)
    {
        if (one_in(3) && size > 32'768) {
            return std::min(size - 1, (1 + below(size / 32'768)) * 32'768 - 3 + below(6));
        }
        return below(size + size / 8 + 2);
    }

private:
    std::mt19937 random_;
};

void add_range(question& q, chance& c, std::size_t size)
{
    q.range += q.range.empty() ? "bytes=" : c.one_in(2) ? "," : " , ";
    const std::size_t first = c.position(size);
    const std::size_t length = c.size_up_to(size);
    switch (c.below(6)) {
    case 0:
        q.range += std::to_string(first) + "-";
        if (first < size) { q.spans.push_back({first, size - 1}); }
        return;
    case 1: {
        const std::size_t suffix = c.one_in(10) ? 0 : length;
        q.range += "-" + std::to_string(suffix);
        if (suffix > 0) { q.spans.push_back({size - std::min(suffix, size), size - 1}); }
        return;
    }
    default:
        q.range += std::to_string(first) + "-" + std::to_string(first + length - 1);
        if (first < size) { q.spans.push_back({first, std::min(size, first + length) - 1}); }
        return;
    }
}

question ask(chance& c, std::size_t size)
{
    question q;
    if (c.one_in(25)) {
        q.range = c.one_in(2) ? "bytes=9-3" : "lines=0-1";
        q.malformed = true;
        return q;
    }
    add_range(q, c, size);
    while (c.one_in(6)) {
        add_range(q, c, size);
        q.several = true;
    }
    return q;
}

// The same bytes by their positions, none of them twice, in as few spans as possible.
std::vector<span_of> without_overlap(std::vector<span_of> spans)
{
    std::sort(spans.begin(), spans.end(), [](const span_of& a, const span_of& b) { return a.first < b.first; });
    std::vector<span_of> out;
    for (const span_of& s : spans) {
        if (!out.empty() && s.first <= out.back().last + 1) {
            out.back().last = std::max(out.back().last, s.last);
        } else {
            out.push_back(s);
        }
    }
    return out;
}

// One resource with all its states.
struct resource {
    std::string target;
    std::size_t size = 0;
    bool tagged = true;
    std::vector<std::string> contents;              // one per state
    std::atomic<std::size_t> now{0};

    std::string tag(std::size_t state) const { return tagged ? "\"" + std::to_string(state) + "\"" : ""; }
};

std::string content_of(std::size_t size, std::size_t state)
{
    std::string out = numbered_bytes(size);
    for (char& b : out) { b = static_cast<char>('a' + (b - 'a' + static_cast<int>(state)) % 26); }
    return out;
}

struct tally {
    std::mutex mutex;
    int answers = 0;
    int wrong = 0;
    std::string first_wrong;
    int from_whole = 0;
    int from_parts = 0;
    int completed = 0;
    int multipart = 0;
    int unsatisfiable = 0;
};

// The parts of a multipart/byteranges: spans as they say, and their bytes. Throws when it is none.
std::vector<std::pair<span_of, std::string>> parts_of(const http_response& r)
{
    const std::string type = r.header("Content-Type").value_or("");
    const std::size_t at = type.find("boundary=");
    if (at == std::string::npos) { throw protocol_error("no boundary"); }
    const std::string line = "--" + type.substr(at + 9);
    std::vector<std::pair<span_of, std::string>> parts;
    std::size_t next = 0;
    for (;;) {
        if (r.body.compare(next, line.size(), line) != 0) { throw protocol_error("no boundary line"); }
        next += line.size();
        if (r.body.compare(next, std::string::npos, "--\r\n") == 0) { return parts; }
        const std::size_t head_end = r.body.find("\r\n\r\n", next);
        const std::size_t range = r.body.find("Content-Range: bytes ", next);
        if (head_end == std::string::npos || range > head_end) { throw protocol_error("no Content-Range in a part"); }
        unsigned long long first = 0;
        unsigned long long last = 0;
        if (std::sscanf(r.body.c_str() + range, "Content-Range: bytes %llu-%llu/", &first, &last) != 2) { throw protocol_error("malformed"); }
        const span_of s{first, last};
        parts.emplace_back(s, r.body.substr(head_end + 4, s.last - s.first + 1));
        next = head_end + 4 + parts.back().second.size() + 2;
    }
}

// What is wrong with the answer; empty if nothing is.
std::string flaw_of(const http_response& r, const question& q, const resource& of, const std::string& if_range)
{
    std::size_t state = of.now;
    if (of.tagged && r.status != 416) {
        const std::string tag = r.header("ETag").value_or("");
        state = tag.size() < 3 ? states : static_cast<std::size_t>(std::strtoul(tag.c_str() + 1, nullptr, 10));
        if (state >= states) { return "ETag " + tag; }
    }
    const std::string& all = of.contents[of.tagged ? state : 0];
    if (r.status == 200) {
        const bool whole_is_due = q.malformed || q.several || (!if_range.empty() && if_range != of.tag(state));
        return !whole_is_due ? "a whole for no reason" : r.body != all ? "bytes of the whole" : "";
    }
    if (r.status == 416) {
        return !q.spans.empty() || q.malformed ? "416 for what is there"
               : r.header("Content-Range") != "bytes */" + std::to_string(of.size) ? "416 without length" : "";
    }
    if (r.status != 206) { return "status " + std::to_string(r.status); }
    if (q.malformed) { return "206 for what is no range"; }
    if (!if_range.empty() && if_range != of.tag(state)) { return "206 of another state than If-Range names"; }
    if (!r.has("Content-Range")) {
        const auto parts = parts_of(r);
        std::vector<span_of> due = without_overlap(q.spans);
        if (parts.size() != due.size()) { return "number of parts"; }
        for (const auto& [s, bytes] : parts) {
            if (std::erase(due, s) != 1 || bytes != all.substr(s.first, s.last - s.first + 1)) { return "bytes of a part"; }
        }
        return "";
    }
    const std::vector<span_of> whole = without_overlap(q.spans);
    if (whole.size() != 1) { return "one range of several"; }
    const span_of s = whole.front();
    const std::string due = "bytes " + std::to_string(s.first) + "-" + std::to_string(s.last) + "/" + std::to_string(of.size);
    return r.header("Content-Range") != due ? "Content-Range" : r.body != all.substr(s.first, s.last - s.first + 1) ? "bytes" : "";
}

class RandomRanges : public ::testing::Test {
protected:
    RandomRanges()
    {
        s.set("cache.l1.max_bytes", "64MiB").set("cache.l1.max_object", "8MiB");
        s.configure("{ routes: [ { name: fill, match: { path: /fill/ }, origin: shop, range: { fill_whole: true } },"
                    " { name: rest, match: { path: / }, origin: shop } ] }");
        for (const std::size_t size : sizes) {
            for (const char* kind : {"whole", "parts", "untagged", "fill"}) {
                add("/" + std::string(kind) + "/" + std::to_string(size), size, kind);
            }
        }
        s.start();
        for (const auto& r : resources) {
            if (r->target.starts_with("/whole/")) { s.get(r->target).expect_status(200); }
        }
    }

    void add(const std::string& target, std::size_t size, std::string_view kind)
    {
        auto& r = *resources.emplace_back(std::make_unique<resource>());
        r.target = target;
        r.size = size;
        r.tagged = kind != "untagged";
        const std::size_t kinds = r.tagged ? (size > 200'000 ? 3 : states) : 1;   // large ones have fewer states, to save memory
        for (std::size_t i = 0; i < kinds; ++i) { r.contents.push_back(content_of(size, i)); }
        const bool parts_only = kind == "parts" || kind == "untagged";
        s.origin().page(target).answer([&r, parts_only](const http_request& q) {
            if (q.method == "POST") { return plain_answer({}, ""); }
            const std::size_t state = r.now;
            const header_list fresh{{"Cache-Control", "max-age=60"}};
            std::string a = answer_range(q, r.contents[state], r.tag(state), fresh);
            // A whole would end the work of parts.
            return parts_only && a.starts_with("HTTP/1.1 200") ? answer_range(q, r.contents[state], r.tag(state), {{"Cache-Control", "no-store"}})
                                                                : a;
        });
    }

    void run_client(unsigned seed, tally& t)
    {
        chance c(seed);
        raw_client client = s.client();
        for (int i = 0; i < requests_each; ++i) {
            // Large ones less often, since their bytes take the time.
            resource& of = *resources[std::min(c.below(resources.size()), c.below(resources.size()))];
            if (c.one_in(60) && of.tagged) { of.now = (of.now + 1) % of.contents.size(); }
            if (c.one_in(200)) { s.advance(20s); }
            if (c.one_in(200)) { client.request("POST", of.target); }
            const question q = ask(c, of.size);
            header_list fields{{"Range", q.range}};
            std::string if_range;
            if (c.one_in(5) && of.tagged) {
                if_range = of.tag(c.one_in(4) ? c.below(of.contents.size()) : of.now.load());
                fields.emplace_back("If-Range", if_range);
            }
            const http_response r = client.get(of.target, fields);
            const std::string flaw = flaw_of(r, q, of, if_range);
            const cache_status status = cache_status_of(r);
            const std::lock_guard hold(t.mutex);
            ++t.answers;
            t.wrong += flaw.empty() ? 0 : 1;
            if (!flaw.empty() && t.first_wrong.empty()) {
                t.first_wrong = flaw + ": GET " + of.target + " Range: " + q.range + " If-Range: " + if_range + "\n" + r.raw_head;
            }
            t.from_whole += status.text() == "hit; detail=l1" && r.status == 206;
            t.from_parts += status.text() == "hit; detail=partial";
            t.completed += status.fwd == "partial" && status.stored;
            t.multipart += r.status == 206 && !r.has("Content-Range");
            t.unsatisfiable += r.status == 416;
        }
    }

    scenario s;
    std::vector<std::unique_ptr<resource>> resources;
};

TEST_F(RandomRanges, NeverGetAWrongByte)
{
    tally t;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < clients; ++i) {
        threads.emplace_back([this, i, &t] {
            try {
                run_client(i + 1, t);
            } catch (const std::exception& e) {
                const std::lock_guard hold(t.mutex);
                t.first_wrong += std::string("\nclient ended: ") + e.what();
            }
        });
    }
    for (std::thread& one : threads) { one.join(); }
    EXPECT_EQ(t.wrong, 0) << t.first_wrong;
    EXPECT_EQ(t.answers, clients * requests_each) << t.first_wrong;
    // It was about what it says.
    EXPECT_GT(t.from_whole, 500);
    EXPECT_GT(t.from_parts, 500);
    EXPECT_GT(t.completed, 300);
    EXPECT_GT(t.multipart, 100);
    EXPECT_GT(t.unsatisfiable, 100);
}

}  // namespace
}  // namespace tiercel::test
