#include "script.hpp"

#include <tiercel/check.hpp>

#include <algorithm>
#include <utility>

namespace tiercel::conformance {

script::script(std::string demand, std::string name, int number)
    : demand_(std::move(demand)), name_(std::move(name)), path_("/" + demand_ + "/" + std::to_string(number))
{
}

script& script::on(std::string route)
{
    path_ = "/" + std::move(route) + path_;
    return *this;
}

// ---- before the next request ----

script& script::later(milliseconds pause)
{
    next_.pause += pause;
    needs_clock_ = needs_clock_ || pause.count() > 0;
    return *this;
}

script& script::origin_down()
{
    next_.origin = step::origin_change::goes_down;
    return *this;
}

script& script::origin_up()
{
    next_.origin = step::origin_change::comes_back;
    return *this;
}

// ---- requests ----

script& script::begin(std::string method, lines fields)
{
    steps_.push_back(std::exchange(next_, step()));
    last().method = std::move(method);
    last().fields = std::move(fields);
    return *this;
}

script& script::bytes(std::string raw)
{
    begin("GET", {});
    last().bytes = std::move(raw);
    return *this;
}

script& script::sending(std::string content)
{
    last().content = std::move(content);
    return *this;
}

script& script::at(std::string place)
{
    last().place = std::move(place);
    return *this;
}

script& script::host(std::string name)
{
    last().host = std::move(name);
    return *this;
}

script& script::http10()
{
    last().minor_version = 0;
    return *this;
}

script& script::at_once(int clients)
{
    last().clients = clients;
    return *this;
}

// ---- the origin ----

reply& script::last_reply() { return last().replies.back(); }

script& script::answer(int status, lines fields)
{
    reply r;
    r.status = status;
    r.fields = std::move(fields);
    last().replies.push_back(std::move(r));
    last().want = expected::origin_answer;
    return *this;
}

script& script::answered_raw(std::string bytes, bool then_close)
{
    answer(200, {});
    last_reply().raw = std::move(bytes);
    last_reply().then_close = then_close;
    last().want = expected::by_hand;
    return *this;
}

script& script::confirm(lines fields)
{
    answer(304, std::move(fields));
    last().want = expected::stored;
    last().validates = true;
    return *this;
}

script& script::refetched()
{
    const auto before = std::find_if(steps_.rbegin() + 1, steps_.rend(), [](const step& s) { return !s.replies.empty(); });
    TIERCEL_CHECK(before != steps_.rend());
    answer(before->replies.back().status, before->replies.back().fields);
    last().any_conditions = true;
    return *this;
}

script& script::unanswered()
{
    answer(0, {});
    last_reply().silent = true;
    return *this;
}

script& script::content(std::string text)
{
    last_reply().content = std::move(text);
    return *this;
}

script& script::dateless()
{
    last_reply().dateless = true;
    return *this;
}

script& script::chunked()
{
    last_reply().chunked = true;
    return *this;
}

script& script::until_close()
{
    last_reply().until_close = true;
    return *this;
}

script& script::then_close()
{
    last_reply().then_close = true;
    return *this;
}

script& script::cut()
{
    last_reply().cut = true;
    return *this;
}

script& script::trailer(std::string line)
{
    last_reply().chunked = true;
    last_reply().trailers.push_back(std::move(line));
    return *this;
}

script& script::interim(std::string head)
{
    last_reply().interim.push_back(std::move(head));
    return *this;
}

// ---- what the origin must see ----

script& script::validating()
{
    last().validates = true;
    return *this;
}

script& script::any_conditions()
{
    last().any_conditions = true;
    return *this;
}

script& script::sees(std::string line)
{
    last().sees.push_back(std::move(line));
    return *this;
}

script& script::sees_not(std::string name)
{
    last().sees_not.push_back(std::move(name));
    return *this;
}

script& script::in_background()
{
    last().in_background = true;
    return *this;
}

// ---- what the client must get ----

script& script::hit()
{
    last().unasked = true;
    return stale();
}

script& script::stale()
{
    last().want = expected::stored;
    last().from_store = true;
    return *this;
}

script& script::not_modified()
{
    last().want = expected::not_modified;
    last().from_store = last().replies.empty();
    return *this;
}

script& script::part(std::size_t first, std::size_t last_byte)
{
    last().want = expected::part;
    last().range = {first, last_byte};
    return *this;
}

script& script::error(int status)
{
    last().want = expected::error;
    last().status = status;
    return *this;
}

script& script::refused(int status)
{
    return error(status).closes();
}

script& script::broken()
{
    last().want = expected::broken;
    return *this;
}

script& script::status(int code)
{
    last().want = expected::by_hand;
    last().status = code;
    return *this;
}

script& script::text(std::string content)
{
    last().text = std::move(content);
    return *this;
}

script& script::of(std::size_t number)
{
    last().of = number;
    return *this;
}

script& script::gets(std::string line)
{
    last().gets.push_back(std::move(line));
    return *this;
}

script& script::lacks(std::string name)
{
    last().lacks.push_back(std::move(name));
    return *this;
}

script& script::lacks_for_all_but_one(std::string name)
{
    last().lacked_but_once = std::move(name);
    return *this;
}

script& script::says(std::string cache_status)
{
    last().says = std::move(cache_status);
    return *this;
}

script& script::age(long least, long most)
{
    last().age = {least, most};
    return *this;
}

script& script::closes()
{
    last().closes = true;
    return *this;
}

// ---- table ----

script& table::test(std::string demand, std::string name)
{
    return cases_.emplace_back(std::move(demand), std::move(name), static_cast<int>(cases_.size()));
}

script& table::fresh(std::string demand, std::string name, lines fields, milliseconds pause)
{
    script& s = test(std::move(demand), std::move(name)).get().answered_with(200, std::move(fields));
    return s.later(pause).get().hit();
}

script& table::not_reused(std::string demand, std::string name, lines fields, milliseconds pause)
{
    script& s = test(std::move(demand), std::move(name)).get().answered_with(200, std::move(fields));
    return s.later(pause).get().refetched();
}

table all_cases(profile p)
{
    table t(p);
    for (const auto add : {add_directive_cases, add_freshness_cases, add_storing_cases, add_key_cases, add_field_cases,
                           add_reuse_cases, add_validation_cases, add_stale_cases, add_range_cases, add_wire_cases}) {
        add(t);
    }
    return t;
}

}  // namespace tiercel::conformance
