#pragma once

// The words of a conformance case: a short talk between clients, the proxy and the origin.
//
//     t.test("4.2", "a longer s-maxage decides, not max-age")
//         .get().answered("Cache-Control: max-age=1, s-maxage=3600")
//         .later(10s)
//         .get().hit();
//
// get() and its kin begin a step. What follows says what the origin answers, and so whether it is asked at all: it must see
// exactly as many requests in a step as it has answers for. Then what the client must get. Much is checked without a word:
// each answer of the origin has content of its own, so that it is known from which one a client was served; its end-to-end
// fields must arrive unchanged and no others beside them; Cache-Status must be well-formed; a validation carries the stored
// validators and nothing else carries any.
//
// Full answers of the origin are numbered from 1 within a case. `current` is the latest one that a cache might hold.
//
// In fields and raw bytes: {path} is the path of the case, {origin} the "http://host" before it, {+60} the date in 60
// seconds, {rfc850 -60} and {asctime -60} a date a minute ago in the obsolete forms.

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tiercel::conformance {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using lines = std::vector<std::string>;   // "Name: value"

// What the origin answers to one request.
struct reply {
    int status = 200;
    lines fields;
    std::optional<std::string> content;   // none: made up, different for each answer
    lines interim;                        // whole heads before the answer, "103 Early Hints\r\nLink: </a>"
    lines trailers;                       // with chunked
    std::string raw;                      // these bytes and nothing else
    bool dateless = false;                // no Date is added
    bool chunked = false;
    bool until_close = false;             // no length: the end of the connection ends the content
    bool cut = false;                     // ends in the middle of the content
    bool silent = false;                  // closes without an answer
    bool then_close = false;              // after a whole answer, without having said so
};

// What the client must get.
enum class expected {
    origin_answer,   // the last reply of this step
    stored,          // an earlier one, as 304s since have changed it
    not_modified,    // 304 made from an earlier one
    part,            // 206 made from an earlier one
    error,           // a problem document
    broken,          // no clean end of content, or an error
    by_hand,         // status and content as the step says
};

struct step {
    // before the request
    milliseconds pause{0};
    enum class origin_change { none, goes_down, comes_back } origin = origin_change::none;

    // the request
    std::string method = "GET";
    std::string place;                    // behind the path of the case
    std::string host = "shop.test";
    lines fields;
    std::string content;
    int minor_version = 1;
    std::string bytes;                    // instead of all that
    int clients = 1;                      // that many at once

    // the origin
    std::vector<reply> replies;
    bool in_background = false;           // it answers only when the client has its answer
    bool validates = false;               // its requests carry the validators of the stored answer
    bool any_conditions = false;          // nothing is said about them
    lines sees;
    lines sees_not;                       // names

    // what the client must get
    expected want = expected::by_hand;
    std::size_t of = 0;                   // number of the answer; 0: the current one
    bool from_store = false;              // then Age is due
    bool unasked = false;                 // and Cache-Status says hit
    int status = 0;
    std::optional<std::string> text;      // content
    std::pair<std::size_t, std::size_t> range{};
    lines gets;
    lines lacks;                          // names
    std::string lacked_but_once;          // a name
    std::optional<std::string> says;      // Cache-Status
    std::optional<std::pair<long, long>> age;
    bool closes = false;                  // the connection ends after the answer
};

class script {
public:
    script(std::string demand, std::string name, int number);

    const std::string& demand() const noexcept { return demand_; }        // "4.2"
    const std::string& name() const noexcept { return name_; }
    std::string title() const { return demand_ + " " + name_; }
    const std::string& path() const noexcept { return path_; }
    const std::vector<step>& steps() const noexcept { return steps_; }
    bool needs_clock() const noexcept { return needs_clock_; }

    // Plays on another route: that of the profile with one thing set differently, see stage.cpp. Comes before the first request.
    script& on(std::string route);

    // ---- before the next request ----
    script& later(milliseconds pause);
    script& origin_down();                // refuses connections
    script& origin_up();

    // ---- requests ----
    template <class... Fields> script& get(Fields... f) { return request("GET", f...); }
    template <class... Fields> script& head(Fields... f) { return request("HEAD", f...); }
    template <class... Fields> script& request(std::string method, Fields... f) { return begin(std::move(method), {f...}); }
    script& bytes(std::string raw);
    script& sending(std::string content);
    script& at(std::string place);        // another resource of the case: "/other", "?a=b"
    script& host(std::string name);
    script& http10();
    script& at_once(int clients);

    // ---- the origin: each adds an answer ----
    template <class... Fields> script& answered(Fields... f) { return answer(200, {f...}); }
    template <class... Fields> script& answered(int status, Fields... f) { return answer(status, {f...}); }
    script& answered_with(int status, lines fields) { return answer(status, std::move(fields)); }
    script& answered_raw(std::string bytes, bool then_close = false);
    // 304 to the validators of the stored answer; the client gets that.
    template <class... Fields> script& confirmed(Fields... f) { return confirm({f...}); }
    script& refetched();                  // asked again, with or without conditions, and answers with the fields it had
    script& unanswered();
    // More about the answer added last.
    script& content(std::string text);
    script& dateless();
    script& chunked();
    script& until_close();
    script& then_close();
    script& cut();
    script& trailer(std::string line);
    script& interim(std::string head);

    // ---- what the origin must see ----
    script& validating();                 // the validators of the stored answer
    script& any_conditions();             // they are not looked at
    script& sees(std::string line);
    script& sees_not(std::string name);
    script& in_background();

    // ---- what the client must get ----
    script& hit();                        // the stored answer, and nobody was asked
    script& hit_if(bool b) { return b ? hit() : refetched(); }
    script& stale();                      // the stored answer, whatever the origin says or does not say
    script& not_modified();
    script& part(std::size_t first, std::size_t last);
    script& error(int status);
    script& refused(int status);          // error(), the origin sees nothing, the connection ends
    script& broken();
    script& status(int code);             // by hand, with text() and gets()
    script& text(std::string content);
    script& of(std::size_t number);       // not the current answer but that one
    script& gets(std::string line);
    script& lacks(std::string name);
    script& lacks_for_all_but_one(std::string name);   // of clients that ask at once
    script& says(std::string cache_status);
    script& age(long seconds) { return age(seconds, seconds + 1); }
    script& age(long least, long most);
    script& closes();

private:
    script& begin(std::string method, lines fields);
    script& answer(int status, lines fields);
    script& confirm(lines fields);
    step& last() { return steps_.back(); }
    reply& last_reply();

    std::string demand_;
    std::string name_;
    std::string path_;
    std::vector<step> steps_;
    step next_;                           // what is said before the next request
    bool needs_clock_ = false;
};

// The configuration under which a case is written down: the same words may mean another outcome.
enum class profile { standard, rfc9111 };

// All cases of one profile.
class table {
public:
    explicit table(profile p) : profile_(p) {}

    // Demand: a number of docs/http-caching.md.
    script& test(std::string demand, std::string name);

    // The two most frequent kinds: the first answer has these fields; a while later the same is asked again.
    script& fresh(std::string demand, std::string name, lines fields, milliseconds pause = 0ms);
    script& not_reused(std::string demand, std::string name, lines fields, milliseconds pause = 0ms);

    // Nothing is withheld: conf/rfc9111.yaml.
    bool full() const noexcept { return profile_ == profile::rfc9111; }
    const std::deque<script>& cases() const noexcept { return cases_; }

private:
    profile profile_;
    std::deque<script> cases_;
};

// One per file of cases.
void add_directive_cases(table& t);     // 2, 3
void add_freshness_cases(table& t);     // 4, 5, 6, 8
void add_storing_cases(table& t);       // 1, 7, 9
void add_key_cases(table& t);           // 10
void add_field_cases(table& t);         // 11, 22
void add_reuse_cases(table& t);         // 12, 13
void add_validation_cases(table& t);    // 14, 15
void add_stale_cases(table& t);         // 16, 17
void add_range_cases(table& t);         // 18
void add_wire_cases(table& t);          // 19, 20, 21, 23

table all_cases(profile p);

}  // namespace tiercel::conformance
