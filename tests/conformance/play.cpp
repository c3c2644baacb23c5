#include "play.hpp"

#include "support/cache_status.hpp"
#include "support/process.hpp"
#include "support/raw_client.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <ctime>
#include <exception>
#include <future>
#include <mutex>

namespace tiercel::conformance {
namespace {

using namespace tiercel::test;
using clock_reader = std::function<wall_time()>;

// ---- text ------------------------------------------------------------------------------------------------------------

std::string date_text(wall_time at, const char* form)
{
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[64];
    std::strftime(text, sizeof text, form, &parts);
    return text;
}

constexpr const char* imf = "%a, %d %b %Y %H:%M:%S GMT";

// Puts in what stands for {…}; what is no such word stays.
class filler {
public:
    filler(std::string path, std::string host, clock_reader now) : path_(std::move(path)), host_(std::move(host)), now_(std::move(now)) {}

    std::string operator()(std::string_view text) const
    {
        std::string out;
        for (;;) {
            const std::size_t open = text.find('{');
            const std::size_t close = text.find('}', open);
            out += text.substr(0, open);
            if (close == std::string_view::npos) {
                return out + std::string(open == std::string_view::npos ? std::string_view() : text.substr(open));
            }
            out += value_of(text.substr(open + 1, close - open - 1));
            text.remove_prefix(close + 1);
        }
    }

private:
    std::string value_of(std::string_view word) const
    {
        if (word == "path") { return path_; }
        if (word == "origin") { return "http://" + host_; }
        const char* form = imf;
        std::string_view offset = word;
        if (word.starts_with("rfc850 ")) {
            form = "%A, %d-%b-%y %H:%M:%S GMT";
            offset.remove_prefix(7);
        } else if (word.starts_with("asctime ")) {
            form = "%a %b %e %H:%M:%S %Y";
            offset.remove_prefix(8);
        }
        if (offset.size() > 1 && (offset[0] == '+' || offset[0] == '-')) {
            return date_text(now_() + std::chrono::seconds(std::stoll(std::string(offset))), form);
        }
        return "{" + std::string(word) + "}";
    }

    std::string path_;
    std::string host_;
    clock_reader now_;
};

header_list fields_of(const lines& texts, const filler& fill)
{
    header_list out;
    for (const std::string& text : texts) {
        const std::size_t colon = text.find(": ");
        out.emplace_back(text.substr(0, colon), colon == std::string::npos ? "" : fill(text.substr(colon + 2)));
    }
    return out;
}

std::string trimmed(const std::string& s)
{
    const std::size_t first = s.find_first_not_of(" \t");
    return first == std::string::npos ? std::string() : s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

bool is_in(const std::vector<std::string>& names, std::string_view name)
{
    return std::any_of(names.begin(), names.end(), [&](const std::string& n) { return equal_names(n, name); });
}

// All lines of one name as one value, the way RFC 9110 §5.3 lets anybody join them.
std::string joined(const http_fields& in, std::string_view name)
{
    std::string out;
    for (const std::string& value : in.headers(name)) { out += (out.empty() ? "" : ", ") + value; }
    return out;
}

std::string in_quotes(std::string_view s) { return "\"" + std::string(s.substr(0, 300)) + "\""; }

// ---- what the origin said --------------------------------------------------------------------------------------------

struct known_answer : http_fields {
    int status = 200;
    std::string content;
};

const std::vector<std::string> hop_by_hop{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info",
                                          "Proxy-Authorization", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade"};

// Fields that end at the proxy, or that say something about this message alone.
std::vector<std::string> names_that_end(const http_fields& f)
{
    std::vector<std::string> out = hop_by_hop;
    for (const std::string& value : f.headers("Connection")) {
        std::size_t at = 0;
        while (at < value.size()) {
            const std::size_t comma = std::min(value.find(',', at), value.size());
            if (const std::string name = trimmed(value.substr(at, comma - at)); !name.empty()) { out.push_back(name); }
            at = comma + 1;
        }
    }
    out.insert(out.end(), {"Content-Length", "Age", "Trailer"});
    return out;
}

// RFC 9111 §3.2: the fields of a 304 replace those of the same name.
void update(known_answer& k, const http_fields& by_304)
{
    auto kept = names_that_end(by_304);
    kept.emplace_back("Content-Range");
    header_list fresh;
    for (const auto& f : by_304.fields) {
        if (!is_in(kept, f.first)) { fresh.push_back(f); }
    }
    std::erase_if(k.fields, [&](const auto& f) {
        return std::any_of(fresh.begin(), fresh.end(), [&](const auto& n) { return equal_names(n.first, f.first); });
    });
    k.fields.insert(k.fields.end(), fresh.begin(), fresh.end());
}

// ---- playing ---------------------------------------------------------------------------------------------------------

// One client's share of a step.
struct outcome_of_client {
    std::optional<http_response> response;
    std::string problem;      // set: there is no whole response
    bool closed = false;      // the connection ended behind it
};

class player {
public:
    player(const script& s, stage& on) : script_(s), stage_(on) {}

    std::vector<std::string> run()
    {
        stage_.origin().others().answer([this](const http_request& r) { return on_request(r); });
        for (const step& s : script_.steps()) {
            ++number_;
            play_step(s);
            if (!deviations_.empty()) {
                break;   // what follows would only repeat it
            }
        }
        if (is_down_) { stage_.origin().come_back(); }
        stage_.origin().others().answer([](const http_request&) { return plain("HTTP/1.1 500 \r\n", "nobody asked"); });
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return answering_ == 0; });   // each of them waits for a limited time
        return deviations_;
    }

private:
    void deviates(const std::string& how) { deviations_.push_back("step " + std::to_string(number_) + ": " + how); }

    static std::string plain(std::string head, std::string_view content)
    {
        return head + "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + std::string(content);
    }

    filler fill_for(const step& s) const
    {
        return filler(script_.path(), s.host, [this] { return stage_.now(); });
    }
    std::string target_of(const step& s) const { return script_.path() + s.place; }

    // ---- the origin's side, in its threads ----

    origin_bytes on_request(const http_request& r)
    {
        std::unique_lock lock(mutex_);
        ++answering_;
        origin_bytes out = answer_in_turn(lock, r);
        --answering_;
        changed_.notify_all();
        return out;
    }

    origin_bytes answer_in_turn(std::unique_lock<std::mutex>& lock, const http_request& r)
    {
        const std::size_t index = seen_.size();
        seen_.push_back(r);
        changed_.notify_all();
        if (step_ == nullptr || index >= step_->replies.size()) {
            return plain("HTTP/1.1 500 \r\nCache-Control: no-store\r\n", "one request too many");
        }
        wait_for_turn(lock, index);
        const reply& what = step_->replies[index];
        return what.silent ? origin_bytes("", true) : compose(what, r, index);
    }

    // Clients that ask at once are answered when all of them are there; a background fetch when the client has its answer.
    void wait_for_turn(std::unique_lock<std::mutex>& lock, std::size_t index)
    {
        const step& s = *step_;
        const auto until = after(default_timeout);
        if (s.in_background) {
            changed_.wait_until(lock, until, [&] { return client_done_; });
        } else if (s.clients > 1 && index == 0) {
            lock.unlock();
            eventually([&] {   // each client waits for another's fetch, or is here itself
                const int waiting = stage_.collapsed() - collapsed_before_;
                const std::lock_guard again(mutex_);
                return waiting + static_cast<int>(seen_.size()) >= s.clients;
            });
            lock.lock();
        } else if (s.clients > 1) {
            changed_.wait_until(lock, until, [&] { return seen_.size() >= s.replies.size(); });
        }
    }

    origin_bytes compose(const reply& what, const http_request& r, std::size_t index)
    {
        const filler fill = fill_for(*step_);
        if (!what.raw.empty()) { return {fill(what.raw), what.then_close}; }
        known_answer k;
        k.status = what.status;
        k.fields = fields_of(what.fields, fill);
        if (!what.dateless && !k.has("Date")) { k.fields.insert(k.fields.begin(), {"Date", fill("{+0}")}); }
        const bool bodiless = what.status == 204 || what.status == 304;
        if (!bodiless) {
            k.content = what.content ? *what.content
                                     : "answer " + std::to_string(number_) + "." + std::to_string(index + 1) + " of " + script_.title() + "\n";
        }
        std::string out;
        for (const std::string& head : what.interim) { out += "HTTP/1.1 " + fill(head) + "\r\n\r\n"; }
        out += "HTTP/1.1 " + std::to_string(what.status) + " As Told\r\n";
        for (const auto& [name, value] : k.fields) { out += name + ": " + value + "\r\n"; }
        out += framing_of(what, k, bodiless);
        out += content_of(what, k, bodiless || r.method == "HEAD");
        for (auto& f : k.fields) { f.second = trimmed(f.second); }   // blanks around a value are none of it
        replies_[index] = k;
        return {out, what.then_close || what.until_close || what.cut};
    }

    static std::string framing_of(const reply& what, const known_answer& k, bool bodiless)
    {
        if (bodiless || what.until_close || k.has("Content-Length")) { return "\r\n"; }
        if (what.chunked) { return "Transfer-Encoding: chunked\r\n\r\n"; }
        return "Content-Length: " + std::to_string(k.content.size()) + "\r\n\r\n";
    }

    static std::string content_of(const reply& what, const known_answer& k, bool none)
    {
        if (none) { return {}; }
        if (!what.chunked) { return what.cut ? k.content.substr(0, k.content.size() / 2) : k.content; }
        char size[32];
        std::snprintf(size, sizeof size, "%zx\r\n", k.content.size());
        std::string out = size + k.content + "\r\n";
        if (what.cut) { return out; }
        out += "0\r\n";
        for (const std::string& line : what.trailers) { out += line + "\r\n"; }
        return out + "\r\n";
    }

    // ---- one step ----

    void play_step(const step& s)
    {
        if (s.pause.count() > 0) { stage_.advance(s.pause); }
        change_origin(s.origin);
        if (std::any_of(s.replies.begin(), s.replies.end(), [](const reply& r) { return r.silent; })) {
            stage_.origin().drop_connections();   // on a used connection no answer would mean: try again
        }
        {
            const std::lock_guard lock(mutex_);
            step_ = &s;
            seen_.clear();
            replies_.assign(s.replies.size(), std::nullopt);
            client_done_ = false;
            collapsed_before_ = s.clients > 1 ? stage_.collapsed() : 0;
        }
        const std::vector<outcome_of_client> outcomes = ask(s);
        {
            std::unique_lock lock(mutex_);
            client_done_ = true;
            changed_.notify_all();
            if (s.in_background) {
                changed_.wait_until(lock, after(default_timeout), [&] { return seen_.size() >= s.replies.size(); });
            }
        }
        if (!s.replies.empty() && !stage_.settle()) { deviates("a fetch does not end"); }
        const std::lock_guard lock(mutex_);
        check_origin(s);
        step_ = nullptr;
        if (!deviations_.empty()) { return; }   // then the client's answer is another one as well
        if (!s.in_background) { take_replies(s); }
        for (const outcome_of_client& o : outcomes) { check_client(s, o); }
        check_lacked_but_once(s, outcomes);
        if (s.in_background) { take_replies(s); }   // the client got what was there before
    }

    void change_origin(step::origin_change c)
    {
        if (c == step::origin_change::goes_down) {
            stage_.origin().go_down();
            is_down_ = true;
        } else if (c == step::origin_change::comes_back) {
            stage_.origin().come_back();
            is_down_ = false;
        }
    }

    std::vector<outcome_of_client> ask(const step& s)
    {
        if (s.clients == 1) { return {ask_one(s)}; }
        std::vector<std::future<outcome_of_client>> running;
        for (int i = 0; i < s.clients; ++i) {
            running.push_back(std::async(std::launch::async, [&] { return ask_one(s); }));
        }
        std::vector<outcome_of_client> out;
        for (auto& f : running) { out.push_back(f.get()); }
        return out;
    }

    outcome_of_client ask_one(const step& s) const
    {
        outcome_of_client o;
        raw_client c(stage_.port());
        try {
            c.connect();
            if (s.bytes.empty()) { c.send(request_text_of(s)); } else { c.try_send(fill_for(s)(s.bytes)); }
            const bool to_head = s.bytes.empty() ? s.method == "HEAD" : s.bytes.starts_with("HEAD ");
            o.response = c.read_response(to_head);
            if (s.closes) { o.closed = c.is_closed_by_peer(); }
        } catch (const std::exception& e) {
            o.problem = e.what();
        }
        return o;
    }

    std::string request_text_of(const step& s) const
    {
        header_list fields = fields_of(s.fields, fill_for(s));
        http_fields f{fields};
        if (!f.has("Host")) { fields.insert(fields.begin(), {"Host", s.host}); }
        std::string text = request_text(s.method, target_of(s), fields, s.content);
        if (s.minor_version == 0) { text.replace(text.find(" HTTP/1.1\r\n"), 9, " HTTP/1.0"); }
        return text;
    }

    // ---- the origin's side, checked ----

    void check_origin(const step& s)
    {
        if (seen_.size() != s.replies.size()) {
            deviates("the origin saw " + std::to_string(seen_.size()) + " requests instead of " + std::to_string(s.replies.size()));
            return;
        }
        for (const http_request& r : seen_) {
            if (s.bytes.empty() && (r.method != s.method || r.target != target_of(s))) {
                deviates("the origin saw " + r.method + " " + r.target);
            }
            check_conditions(s, r);
            for (const std::string& line : s.sees) { check_line(s, r, line, "the origin saw "); }
            for (const std::string& name : s.sees_not) {
                if (r.has(name)) { deviates("the origin saw " + name + ": " + joined(r, name)); }
            }
        }
    }

    void check_conditions(const step& s, const http_request& r)
    {
        const auto check = [&](const char* name, const std::string& wanted) {
            if (joined(r, name) != wanted) {
                deviates("the origin saw " + std::string(name) + ": " + in_quotes(joined(r, name)) + ", not " + in_quotes(wanted));
            }
        };
        if (s.validates && stored_for(s) != nullptr) {
            check("If-None-Match", joined(*stored_for(s), "ETag"));
            check("If-Modified-Since", joined(*stored_for(s), "Last-Modified"));
        } else if (!s.any_conditions) {
            const http_fields sent{fields_of(s.fields, fill_for(s))};
            for (const char* name : {"If-None-Match", "If-Modified-Since"}) {
                if (!sent.has(name)) { check(name, ""); }
            }
        }
    }

    void check_line(const step& s, const http_fields& in, const std::string& line, const std::string& who)
    {
        const std::size_t colon = line.find(": ");
        const std::string name = line.substr(0, colon);
        const std::string wanted = fill_for(s)(line.substr(colon + 2));
        if (!in.has(name) || joined(in, name) != wanted) {
            deviates(who + name + ": " + in_quotes(joined(in, name)) + ", not " + in_quotes(wanted));
        }
    }

    // ---- what a cache may know now ----

    known_answer* stored_for(const step& s)
    {
        const std::size_t n = s.of != 0 ? s.of : current_;
        return n == 0 || n > known_.size() ? nullptr : &known_[n - 1];
    }

    void take_replies(const step& s)
    {
        for (const auto& r : replies_) {
            if (!r) { continue; }
            if (r->status == 304) {
                if (s.validates && stored_for(s) != nullptr) { update(*stored_for(s), *r); }
                last_bare_ = *r;
                continue;
            }
            if (s.method == "HEAD") {
                last_bare_ = *r;
                continue;
            }
            known_.push_back(*r);
            if (r->status < 500 || s.want == expected::origin_answer) { current_ = known_.size(); }
        }
    }

    // ---- the client's side, checked ----

    void check_client(const step& s, const outcome_of_client& o)
    {
        if (s.want == expected::broken) {
            if (o.response && o.response->status < 500) { deviates("the answer has a clean end"); }
            return;
        }
        if (!o.response) {
            deviates("no answer: " + o.problem);
            return;
        }
        const http_response& got = *o.response;
        try {
            const std::string said = cache_status_of(got).text();
            if (s.says && said != *s.says) { deviates("Cache-Status says " + in_quotes(said) + ", not " + in_quotes(*s.says)); }
        } catch (const protocol_error& e) {
            deviates(e.what());
        }
        switch (s.want) {
        case expected::origin_answer: check_origin_answer(s, got); break;
        case expected::stored: check_stored(s, got); break;
        case expected::not_modified: check_not_modified(s, got); break;
        case expected::part: check_part(s, got); break;
        case expected::error: check_error(s, got); break;
        default: check_status(got, s.status); break;
        }
        if (s.text) { check_content(got, *s.text); }
        for (const std::string& line : s.gets) { check_line(s, got, line, "the client got "); }
        for (const std::string& name : s.lacks) {
            if (got.has(name)) { deviates("the client got " + name + ": " + joined(got, name)); }
        }
        if (s.age) { check_age(got, *s.age); }
        if (s.closes && !o.closed) { deviates("the connection stays open"); }
    }

    void check_lacked_but_once(const step& s, const std::vector<outcome_of_client>& outcomes)
    {
        if (s.lacked_but_once.empty()) { return; }
        const auto having = std::count_if(outcomes.begin(), outcomes.end(), [&](const outcome_of_client& o) {
            return o.response && o.response->has(s.lacked_but_once);
        });
        if (having != 1) { deviates(std::to_string(having) + " clients got " + s.lacked_but_once); }
    }

    void check_status(const http_response& got, int wanted)
    {
        if (wanted != 0 && got.status != wanted) { deviates("status " + std::to_string(got.status) + ", not " + std::to_string(wanted)); }
    }

    void check_content(const http_response& got, const std::string& wanted)
    {
        if (got.body != wanted) { deviates("content " + in_quotes(got.body) + ", not " + in_quotes(wanted)); }
    }

    void check_origin_answer(const step& s, const http_response& got)
    {
        const known_answer* k = is_bare(s) ? &last_bare_ : known_.empty() ? nullptr : &known_.back();
        if (s.clients > 1) { k = one_with_content(got.body); }
        if (k == nullptr) {
            deviates("not what any answer of the origin says: " + in_quotes(got.body));
            return;
        }
        check_status(got, k->status);
        if (s.method != "HEAD") { check_content(got, k->content); }
        check_fields(s, got, *k);
        if (joined(got, "Age") != joined(*k, "Age")) { deviates("Age: " + in_quotes(joined(got, "Age")) + ", not the origin's"); }
        check_interim(s, got);
    }

    static bool is_bare(const step& s) { return s.replies.back().status == 304 || s.method == "HEAD"; }

    const known_answer* one_with_content(const std::string& content) const
    {
        const auto at = std::find_if(known_.begin(), known_.end(), [&](const known_answer& k) { return k.content == content; });
        return at == known_.end() ? nullptr : &*at;
    }

    void check_interim(const step& s, const http_response& got)
    {
        const lines& wanted = s.replies.back().interim;
        const std::size_t due = s.minor_version == 0 ? 0 : wanted.size();
        if (got.interim.size() != due) {
            deviates(std::to_string(got.interim.size()) + " interim answers, not " + std::to_string(due));
            return;
        }
        for (std::size_t i = 0; i < due; ++i) {
            if (wanted[i].substr(0, 3) != std::to_string(got.interim[i].status)) {
                deviates("interim answer " + std::to_string(got.interim[i].status) + ", not " + wanted[i].substr(0, 3));
            }
            for (const auto& [name, value] : got.interim[i].fields) {
                const bool is_sent = wanted[i].find("\r\n" + name + ": " + value) != std::string::npos;
                if (!is_sent && name != "Via") { deviates("interim answer with " + name + ": " + value); }
            }
            const auto sent = static_cast<std::size_t>(std::count(wanted[i].begin(), wanted[i].end(), '\r'));
            if (sent + 1 != got.interim[i].fields.size() || !got.interim[i].has("Via")) {
                deviates("interim answer with fewer fields");
            }
        }
    }

    void check_stored(const step& s, const http_response& got)
    {
        const known_answer* k = stored_for(s);
        if (k == nullptr) {
            deviates("nothing is known that could be stored");
            return;
        }
        check_status(got, k->status);
        check_content(got, s.method == "HEAD" ? "" : k->content);
        check_fields(s, got, *k);
        check_from_store(s, got);
        if (s.method == "HEAD" && got.header("Content-Length") && *got.header("Content-Length") != std::to_string(k->content.size())) {
            deviates("Content-Length: " + *got.header("Content-Length"));
        }
        if (!got.interim.empty()) { deviates("an interim answer"); }
    }

    void check_from_store(const step& s, const http_response& got)
    {
        if (s.from_store && !got.has("Age")) { deviates("no Age"); }
        if (s.unasked) {
            const cache_status c = cache_status_of(got);
            if (!c.hit) { deviates("Cache-Status says no hit: " + c.text()); }
        }
    }

    void check_not_modified(const step& s, const http_response& got)
    {
        check_status(got, 304);
        if (const known_answer* k = stored_for(s)) {
            for (const char* name : {"ETag", "Cache-Control", "Content-Location", "Date", "Expires", "Vary"}) {
                if (k->has(name) && joined(got, name) != joined(*k, name)) {
                    deviates(std::string(name) + ": " + in_quotes(joined(got, name)) + " in the 304");
                }
            }
            if (k->has("Cache-Status") && !joined(got, "Cache-Status").starts_with(joined(*k, "Cache-Status") + ", ")) {
                deviates("Cache-Status: " + in_quotes(joined(got, "Cache-Status")) + " in the 304");
            }
        }
        check_from_store(s, got);
    }

    void check_part(const step& s, const http_response& got)
    {
        const known_answer* k = stored_for(s);
        if (k == nullptr) {
            deviates("nothing is known that could be stored");
            return;
        }
        check_status(got, 206);
        const auto [first, last] = s.range;
        check_content(got, k->content.substr(first, last - first + 1));
        const std::string wanted =
            "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(k->content.size());
        if (joined(got, "Content-Range") != wanted) { deviates("Content-Range: " + joined(got, "Content-Range") + ", not " + wanted); }
        check_fields(s, got, *k);
        if (s.replies.empty() && !got.has("Age")) { deviates("no Age"); }
    }

    void check_error(const step& s, const http_response& got)
    {
        check_status(got, s.status);
        if (joined(got, "Content-Type") != "application/problem+json" || joined(got, "Cache-Control") != "no-store") {
            deviates("not a problem document");
        }
        if (!got.has("Date")) { deviates("no Date"); }
        if (s.method != "HEAD" && got.body.find("\"status\":" + std::to_string(s.status)) == std::string::npos) {
            deviates("the problem document says " + got.body);
        }
    }

    void check_age(const http_response& got, std::pair<long, long> wanted)
    {
        const std::string text = joined(got, "Age");
        const bool is_number = !text.empty() && text.size() < 18 && text.find_first_not_of("0123456789") == std::string::npos;
        if (!is_number || std::stol(text) < wanted.first || std::stol(text) > wanted.second) {
            deviates("Age: " + in_quotes(text) + ", not " + std::to_string(wanted.first) + " to " + std::to_string(wanted.second));
        }
    }

    // End-to-end fields as the origin sent them, and nothing else but what a proxy adds.
    void check_fields(const step& s, const http_response& got, const known_answer& k)
    {
        const auto ends_here = names_that_end(k);
        for (const auto& f : k.fields) {
            const std::string& name = f.first;
            if (is_in(ends_here, name) || is_in(s.lacks, name) || equal_names(name, s.lacked_but_once) || equal_names(name, "X-Request-ID")) { continue; }
            if (s.want == expected::part && equal_names(name, "Content-Range")) { continue; }
            const bool grows = equal_names(name, "Via") || equal_names(name, "Cache-Status");
            const bool same = equal_names(name, "Set-Cookie") ? got.headers(name) == k.headers(name)
                              : grows                         ? joined(got, name).starts_with(joined(k, name) + ", ")
                                                              : joined(got, name) == joined(k, name);
            if (!same && !is_given(s, name)) { deviates(name + ": " + in_quotes(joined(got, name)) + ", not " + in_quotes(joined(k, name))); }
        }
        static const std::vector<std::string> added{"Age", "Cache-Status", "Connection", "Content-Length", "Date", "Keep-Alive", "Transfer-Encoding",
                                                    "Via", "X-Request-ID"};
        for (const auto& f : got.fields) {
            const bool expected_here = k.has(f.first) && !is_in(ends_here, f.first);
            if (!expected_here && !is_in(added, f.first) && !is_given(s, f.first) && !(s.want == expected::part && equal_names(f.first, "Content-Range"))) {
                deviates("a field too many, " + f.first + ": " + f.second);
            }
        }
        if (joined(got, "Via").find("tiercel") == std::string::npos) { deviates("no Via"); }
        for (const std::string& value : got.headers("Connection")) {
            if (!equal_names(value, "close") && !equal_names(value, "keep-alive")) { deviates("Connection: " + value); }
        }
        if (got.has("Keep-Alive")) { deviates("Keep-Alive"); }
    }

    // The case says itself what that field must be.
    static bool is_given(const step& s, std::string_view name)
    {
        return std::any_of(s.gets.begin(), s.gets.end(), [&](const std::string& line) { return equal_names(line.substr(0, line.find(':')), name); });
    }

    const script& script_;
    stage& stage_;
    std::vector<std::string> deviations_;
    int number_ = 0;
    bool is_down_ = false;

    std::mutex mutex_;
    std::condition_variable changed_;
    const step* step_ = nullptr;
    std::vector<http_request> seen_;                     // in this step
    int answering_ = 0;                                  // threads of the origin that are in on_request()
    std::vector<std::optional<known_answer>> replies_;   // by request of this step
    bool client_done_ = false;
    int collapsed_before_ = 0;
    std::vector<known_answer> known_;                    // full answers of the case
    known_answer last_bare_;                             // the last one without content: a 304, or to HEAD
    std::size_t current_ = 0;
};

}  // namespace

std::vector<std::string> play(const script& s, stage& on)
{
    return player(s, on).run();
}

}  // namespace tiercel::conformance
