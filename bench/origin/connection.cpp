#include "origin/connection.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <random>
#include <thread>
#include <utility>

namespace tiercel::sample_origin {
namespace {

constexpr std::size_t head_limit = 1 << 20;
constexpr std::string_view control_prefix = "/_/";

constexpr std::string_view pages_text = R"(/b/SIZE/NAME            SIZE bytes, cacheable for a day, with validators
/n/SIZE/NAME            SIZE bytes, no-store
/page/NAME?...          an answer made to order; POST, PUT and PATCH get their body back
    status=200  size=100  type=text/plain   v=2 (other content)  body=text  serial=1 (the body is the request's number)
    clock=1 (the body is when the request came: nanoseconds of the steady clock, which all processes of a machine share)
    ttl=10 (max-age)  cc=no-cache  etag=abc  modified=60 (seconds ago)  expires=60  age=7  vary=Accept  h=Name:value ...
    echo=X-Name (what the request says in that field, as field X-Echo and as a line before the content)
    delay=300ms  pause=50ms (between pieces)  piece=100   te=chunked|close  trailer=Name:value  early=1 (103 first)  close=1
    fail=2 (the first two requests)  fail_as=503|reset
/fault/NAME             breaks the protocol, see below
/echo                   the request head as it arrived
/events?every=100ms&count=10    server-sent events
/upgrade                101, then every byte comes back
/_/stats  /_/requests  /_/forget    counts, the last 1,000 request heads, and their end
/_/control?latency=300ms&status=503&share=20&workers=8  for all pages from now on; 0 ends it. share: per cent that get the
    status; workers: so many requests at a time, the others queue
Content depends on the path alone (and on v).
)";

bool is_control(const request& r) { return std::string_view(r.path).starts_with(control_prefix); }

bool draw(unsigned per_cent)
{
    thread_local std::minstd_rand random(std::random_device{}());
    return std::uniform_int_distribution<unsigned>(1, 100)(random) <= per_cent;
}

}  // namespace

std::string description()
{
    std::string out(pages_text);
    out += "Faults:\n";
    for (const fault& f : faults()) {
        std::string name(f.name);
        name.resize(20, ' ');
        out += "    " + name + std::string(f.text) + "\n";
    }
    return out;
}

void workers::limit(std::uint64_t n)
{
    const std::lock_guard lock(mutex_);
    limit_ = n;
    changed_.notify_all();
}

void workers::enter()
{
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return limit_ == 0 || busy_ < limit_; });
    ++busy_;
}

void workers::leave()
{
    const std::lock_guard lock(mutex_);
    --busy_;
    changed_.notify_one();
}

connection::~connection()
{
    if (counted_) { stats_.on_connection_gone(fd_); }
    if (fd_ >= 0) { ::close(fd_); }
}

void connection::serve()
{
    request r;
    while (read_head(r)) {
        std::uint64_t count = 0;
        if (!is_control(r)) {
            if (!counted_) { stats_.on_connection_used(fd_); }
            counted_ = true;
            count = stats_.on_request(r.path, r.head);
        }
        if (!answer(r, count) || r.wants_close()) { return; }
    }
}

bool connection::fill()
{
    char chunk[16 * 1024];
    ssize_t n = 0;
    do {
        n = ::recv(fd_, chunk, sizeof chunk, 0);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) { return false; }
    buffer_.append(chunk, static_cast<std::size_t>(n));
    return true;
}

bool connection::read_head(request& r)
{
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
        if (buffer_.size() > head_limit || !fill()) { return false; }
    }
    r = parse_request(buffer_.substr(0, end + 4));
    buffer_.erase(0, end + 4);
    return true;
}

bool connection::read_line(std::string& line)
{
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
        if (buffer_.size() > head_limit || !fill()) { return false; }
    }
    line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return true;
}

bool connection::read_chunked(request& r)
{
    std::string line;
    for (;;) {
        if (!read_line(line)) { return false; }
        const auto size = parse_number(line.substr(0, line.find(';')), 16);
        if (!size) { return false; }
        if (*size == 0) { break; }
        while (buffer_.size() < *size + 2) {
            if (!fill()) { return false; }
        }
        r.body += buffer_.substr(0, *size);
        buffer_.erase(0, *size + 2);
    }
    do {   // trailers
        if (!read_line(line)) { return false; }
    } while (!line.empty());
    return true;
}

bool connection::read_body(request& r)
{
    if (r.header("Expect") && !send("HTTP/1.1 100 Continue\r\n\r\n")) { return false; }
    if (r.header("Transfer-Encoding")) { return read_chunked(r); }
    const std::uint64_t length = parse_number(r.header("Content-Length").value_or("")).value_or(0);
    while (buffer_.size() < length) {
        if (!fill()) { return false; }
    }
    r.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return true;
}

bool connection::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool connection::answer(const request& arrived, std::uint64_t count)
{
    if (is_control(arrived)) { return answer_control(arrived); }
    common_.staff.enter();
    std::this_thread::sleep_for(std::chrono::milliseconds(common_.latency_ms));
    common_.staff.leave();
    const std::string_view path = arrived.path;
    // Faults come before the request body is read.
    if (path.starts_with("/fault/")) {
        const fault* f = find_fault(path.substr(7));
        return f != nullptr ? send_fault(*f) : send_reply(arrived, make_text(404, "text/plain", "no such fault\n"));
    }
    request r = arrived;
    if (!read_body(r)) { return false; }
    if (const int status = common_.status; status != 0 && draw(common_.share)) {
        return send_reply(r, make_text(status, "text/plain", "failed on demand\n"));
    }
    if (path.starts_with("/b/")) { return send_reply(r, make_object(r, true)); }
    if (path.starts_with("/n/")) { return send_reply(r, make_object(r, false)); }
    if (path.starts_with("/page/")) {
        if (count <= r.number("fail", 0) && r.parameter("fail_as") == "reset") {
            reset();
            return false;
        }
        return send_reply(r, make_page(r, count));
    }
    if (path == "/events") { return send_events(r); }
    if (path == "/upgrade") { return echo_upgraded(r); }
    if (path == "/echo") { return send_reply(r, make_text(200, "text/plain", r.head + r.body)); }
    if (path == "/") { return send_reply(r, make_text(200, "text/plain", description())); }
    return send_reply(r, make_text(404, "text/plain", "no such page; / lists what there is\n"));
}

bool connection::answer_control(const request& r)
{
    if (r.path == "/_/stats") { return send_reply(r, make_text(200, "application/json", stats_.counts_json())); }
    if (r.path == "/_/requests") { return send_reply(r, make_text(200, "application/json", stats_.heads_json())); }
    if (r.path == "/_/forget") {
        stats_.forget();
        return send_reply(r, make_text(200, "text/plain", "forgotten\n"));
    }
    if (r.path == "/_/control") {
        if (r.parameter("latency")) { common_.latency_ms = r.duration("latency").count(); }
        if (r.parameter("status")) { common_.status = static_cast<int>(r.number("status", 0)); }
        if (r.parameter("share")) { common_.share = static_cast<unsigned>(r.number("share", 100)); }
        if (r.parameter("workers")) { common_.staff.limit(r.number("workers", 0)); }
        return send_reply(r, make_text(200, "text/plain", "so be it\n"));
    }
    return send_reply(r, make_text(404, "text/plain", "no such call\n"));
}

bool connection::send_reply(const request& r, const reply& out)
{
    if (out.delay.count() > 0) { std::this_thread::sleep_for(out.delay); }
    if (out.early_hints && !send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")) { return false; }
    const bool has_body = r.method != "HEAD" && out.status >= 200 && out.status != 204 && out.status != 304;
    const std::string head = head_text(out);
    if (has_body && out.framed == framing::length && out.piece == 0) {
        return send(head + out.body) && !out.close;   // the usual case, in one segment
    }
    return send(head) && (!has_body || send_body(out)) && !out.close;
}

bool connection::send_body(const reply& out)
{
    std::string_view rest = out.body;
    while (!rest.empty()) {
        const std::string_view piece = rest.substr(0, out.piece == 0 ? rest.size() : out.piece);
        rest.remove_prefix(piece.size());
        char size[24];
        const int n = std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        const bool sent = out.framed == framing::chunked
                              ? send(std::string(size, static_cast<std::size_t>(n)) + std::string(piece) + "\r\n")
                              : send(piece);
        if (!sent) { return false; }
        if (!rest.empty()) { std::this_thread::sleep_for(out.pause); }
    }
    if (out.framed != framing::chunked) { return true; }
    return send("0\r\n" + (out.trailer.empty() ? "" : out.trailer + "\r\n") + "\r\n");
}

bool connection::send_fault(const fault& f)
{
    if (!send(f.bytes)) { return false; }
    switch (f.then) {
    case ending::keep: return true;
    case ending::close: return false;
    case ending::reset: reset(); return false;
    case ending::hang: wait_until_gone(); return false;
    }
    return false;
}

bool connection::send_events(const request& r)
{
    reply head = make_text(200, "text/event-stream", "");
    head.set("Cache-Control", "no-cache");
    head.framed = framing::chunked;
    if (!send(head_text(head))) { return false; }
    const std::uint64_t count = r.number("count", 10);
    for (std::uint64_t i = 1; i <= count; ++i) {
        const std::string event = "data: " + std::to_string(i) + "\n\n";
        char size[24];
        std::snprintf(size, sizeof size, "%zx\r\n", event.size());
        if (!send(size + event + "\r\n")) { return false; }
        if (i < count) { std::this_thread::sleep_for(r.duration("every")); }
    }
    return send("0\r\n\r\n");
}

bool connection::echo_upgraded(const request& r)
{
    const auto protocol = r.header("Upgrade");
    if (!protocol) { return send_reply(r, make_text(400, "text/plain", "Upgrade expected\n")); }
    const std::string head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ";
    if (!send(head + std::string(*protocol) + "\r\n\r\n")) { return false; }
    do {
        if (!send(buffer_)) { return false; }
        buffer_.clear();
    } while (fill());
    return false;
}

void connection::wait_until_gone()
{
    do {
        buffer_.clear();
    } while (fill());
}

void connection::reset()
{
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(std::exchange(fd_, -1));
}

}  // namespace tiercel::sample_origin
