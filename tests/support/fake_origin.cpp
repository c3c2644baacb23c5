#include "support/fake_origin.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <sstream>

namespace tiercel::test {
namespace {

// A connection may idle in a pool for as long as a test runs; it ends by interrupt().
constexpr std::chrono::milliseconds patience = std::chrono::minutes(10);

std::string machine_date()
{
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

bool lists_tag(std::string_view list, std::string_view tag)
{
    const auto opaque = [](std::string_view t) { return t.starts_with("W/") ? t.substr(2) : t; };
    std::istringstream members{std::string(list)};
    for (std::string m; std::getline(members, m, ',');) {
        m.erase(0, m.find_first_not_of(" \t"));
        m.erase(m.find_last_not_of(" \t") + 1);
        if (m == "*" || opaque(m) == opaque(tag)) { return true; }
    }
    return false;
}

std::string chunked_form(std::string_view body)
{
    std::ostringstream out;
    // Two chunks where there is room, so that readers meet a boundary.
    const std::size_t half = body.size() / 2;
    for (const std::string_view part : {body.substr(0, half), body.substr(half)}) {
        if (!part.empty()) { out << std::hex << part.size() << "\r\n" << part << "\r\n"; }
    }
    out << "0\r\n\r\n";
    return std::move(out).str();
}

}  // namespace

// ---- origin_page ----

template <class Change>
origin_page& origin_page::set(Change change)
{
    const std::lock_guard lock(mutex_);
    change(script_);
    return *this;
}

origin_page& origin_page::status(int code)
{
    return set([&](script& s) { s.status = code; });
}

origin_page& origin_page::header(std::string name, std::string value)
{
    return set([&](script& s) { s.fields.emplace_back(std::move(name), std::move(value)); });
}

origin_page& origin_page::without(std::string_view name)
{
    return set([&](script& s) { std::erase_if(s.fields, [&](const auto& f) { return equal_names(f.first, name); }); });
}

origin_page& origin_page::cache_control(std::string value)
{
    return without("Cache-Control").header("Cache-Control", std::move(value));
}

origin_page& origin_page::etag(std::string value)
{
    return without("ETag").header("ETag", std::move(value));
}

origin_page& origin_page::vary(std::string value)
{
    return without("Vary").header("Vary", std::move(value));
}

origin_page& origin_page::body(std::string content)
{
    return set([&](script& s) { s.body = std::move(content); });
}

origin_page& origin_page::chunked(bool on)
{
    return set([&](script& s) { s.chunked = on; });
}

origin_page& origin_page::fault(origin_fault f)
{
    return set([&](script& s) { s.fault = f; });
}

origin_page& origin_page::raw(std::string bytes)
{
    return set([&](script& s) { s.raw = std::move(bytes); });
}

origin_page& origin_page::answer(std::function<origin_bytes(const http_request&)> f)
{
    return set([&](script& s) { s.answer = std::move(f); });
}

origin_page& origin_page::takes(std::chrono::milliseconds t)
{
    return set([&](script& s) { s.takes = t; });
}

origin_page& origin_page::hold()
{
    const std::lock_guard lock(mutex_);
    held_ = true;
    return *this;
}

origin_page& origin_page::release()
{
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
    return *this;
}

int origin_page::requests() const
{
    const std::lock_guard lock(mutex_);
    return static_cast<int>(received_.size());
}

std::vector<http_request> origin_page::received() const
{
    const std::lock_guard lock(mutex_);
    return received_;
}

bool origin_page::wait_for_requests(int n, std::chrono::milliseconds timeout) const
{
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, after(timeout), [&] { return static_cast<int>(received_.size()) >= n; });
}

std::optional<origin_page::script> origin_page::arrive(const http_request& r, const std::atomic<bool>& dropped)
{
    std::unique_lock lock(mutex_);
    received_.push_back(r);
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_ || dropped; });
    changed_.wait_for(lock, script_.takes, [&] { return dropped.load(); });
    if (dropped) { return std::nullopt; }
    return script_;
}

void origin_page::wake()
{
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
}

// ---- fake_origin ----

fake_origin::fake_origin() : date_(machine_date), wake_(::eventfd(0, EFD_CLOEXEC))
{
    listen(0);
}

fake_origin::~fake_origin()
{
    go_down();
}

void fake_origin::listen(std::uint16_t port)
{
    listener_ = listen_on_loopback(port);
    port_ = port_of(listener_);
    acceptor_ = std::thread([this] { accept_loop(); });
}

void fake_origin::accept_loop()
{
    for (;;) {
        pollfd fds[2] = {{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                         {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
        if (::poll(fds, 2, -1) < 0) { continue; }
        if (fds[1].revents != 0) { return; }
        unique_fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd) { continue; }
        reap(false);
        const std::lock_guard lock(mutex_);
        ++accepted_;
        connection& c = *connections_.emplace_back(std::make_unique<connection>());
        c.stream = byte_stream(std::move(fd));
        c.thread = std::thread([this, &c] { serve(c); });
    }
}

void fake_origin::serve(connection& c)
{
    try {
        for (bool more = true; more;) {
            http_request r = read_request_head(c.stream, after(patience));
            if (r.has("Expect")) { c.stream.send("HTTP/1.1 100 Continue\r\n\r\n", after(patience)); }
            read_request_body(c.stream, r, after(patience));
            more = answer(c, r);
        }
    } catch (const std::exception&) {
        // The peer left, or sent what no origin would read on; either way the connection is over.
    }
    c.stream.interrupt();   // the descriptor itself is closed by reap(), when nobody can touch it any more
    const std::lock_guard lock(mutex_);
    c.done = true;
}

// Ends with RST. Closes the descriptor, so the lock keeps reap() from using it meanwhile.
void fake_origin::abort(connection& c)
{
    const std::lock_guard lock(mutex_);
    c.stream.reset();
}

// Joins connections that have ended, or, with `all`, ends them first.
void fake_origin::reap(bool all)
{
    std::list<std::unique_ptr<connection>> ended;
    {
        const std::lock_guard lock(mutex_);
        for (auto at = connections_.begin(); at != connections_.end();) {
            const auto next = std::next(at);
            if (all) {
                (*at)->dropped = true;
                (*at)->stream.interrupt();
            }
            if (all || (*at)->done) { ended.splice(ended.end(), connections_, at); }
            at = next;
        }
        for (const auto& [target, page] : pages_) { page->wake(); }
    }
    for (const auto& c : ended) { c->thread.join(); }
}

void fake_origin::go_down()
{
    if (!acceptor_.joinable()) { return; }
    const std::uint64_t one = 1;
    [[maybe_unused]] ssize_t n = ::write(wake_.get(), &one, sizeof one);
    acceptor_.join();
    std::uint64_t drained = 0;
    n = ::read(wake_.get(), &drained, sizeof drained);
    listener_.close();
    drop_connections();
}

void fake_origin::come_back()
{
    listen(port_);
}

void fake_origin::drop_connections()
{
    reap(true);
}

origin_page& fake_origin::page(const std::string& target)
{
    const std::lock_guard lock(mutex_);
    auto& slot = pages_[target];
    if (!slot) { slot = std::make_unique<origin_page>(); }
    return *slot;
}

void fake_origin::set_date(std::function<std::string()> f)
{
    const std::lock_guard lock(mutex_);
    date_ = std::move(f);
}

int fake_origin::requests() const
{
    const std::lock_guard lock(mutex_);
    return static_cast<int>(received_.size());
}

int fake_origin::connections() const
{
    const std::lock_guard lock(mutex_);
    return accepted_;
}

int fake_origin::open_connections() const
{
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(connections_.begin(), connections_.end(), [](const auto& c) { return !c->done; }));
}

std::vector<http_request> fake_origin::received() const
{
    const std::lock_guard lock(mutex_);
    return received_;
}

std::string fake_origin::head_for(const origin_page::script& s, const http_request& r, bool& has_body)
{
    http_fields own;
    own.fields = s.fields;
    const auto tag = own.header("ETag");
    const auto condition = r.header("If-None-Match");
    const int status = tag && condition && s.status == 200 && lists_tag(*condition, *tag) ? 304 : s.status;
    const bool bodiless = status < 200 || status == 204 || status == 304;
    has_body = !bodiless && r.method != "HEAD";

    std::string head = "HTTP/1.1 " + std::to_string(status) + " \r\n";
    if (!own.has("Date")) {
        const std::lock_guard lock(mutex_);
        if (const std::string date = date_(); !date.empty()) { head += "Date: " + date + "\r\n"; }
    }
    for (const auto& [name, value] : s.fields) { head += name + ": " + value + "\r\n"; }
    if (!bodiless && s.chunked) { head += "Transfer-Encoding: chunked\r\n"; }
    if (!bodiless && !s.chunked && !own.has("Content-Length")) {
        head += "Content-Length: " + std::to_string(s.body.size()) + "\r\n";
    }
    return head + "\r\n";
}

// True when the connection may serve another request.
bool fake_origin::answer(connection& c, const http_request& r)
{
    origin_page* page = nullptr;
    {
        const std::lock_guard lock(mutex_);
        received_.push_back(r);
        auto at = pages_.find(r.target);
        if (at == pages_.end()) { at = pages_.find({}); }
        if (at != pages_.end()) { page = at->second.get(); }
    }
    std::optional<origin_page::script> s;
    if (page != nullptr) {
        s = page->arrive(r, c.dropped);
        if (!s) { return false; }
    } else {
        s.emplace().status = 404;
    }

    const deadline until = after(patience);
    if (s->fault == origin_fault::close_without_answer) { return false; }
    if (s->fault == origin_fault::reset_without_answer) {
        abort(c);
        return false;
    }
    if (s->fault == origin_fault::hang_before_head) { return !c.stream.is_closed_by_peer(until); }

    if (s->answer || !s->raw.empty()) {
        const origin_bytes by_hand = s->answer ? s->answer(r) : origin_bytes(s->raw);
        c.stream.send(by_hand.bytes, until);
        return s->fault == origin_fault::none && !by_hand.close;
    }
    const bool asked_to_close = equal_names(r.header("Connection").value_or(""), "close");
    if (asked_to_close) { s->fields.emplace_back("Connection", "close"); }
    bool has_body = false;
    const std::string head = head_for(*s, r, has_body);
    const std::string body = !has_body ? std::string() : s->chunked ? chunked_form(s->body) : s->body;
    switch (s->fault) {
    case origin_fault::truncate:
        c.stream.send(head + body.substr(0, body.size() / 2), until);
        return false;
    case origin_fault::reset_in_body:
        c.stream.send(head + body.substr(0, body.size() / 2), until);
        abort(c);
        return false;
    case origin_fault::hang_in_body:
        c.stream.send(head + body.substr(0, body.size() / 2), until);
        return !c.stream.is_closed_by_peer(until);
    default:
        c.stream.send(head + body, until);
        return s->fault != origin_fault::close_after_answer && !asked_to_close;
    }
}

}  // namespace tiercel::test
