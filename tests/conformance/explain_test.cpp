// `tiercel explain` tells beforehand what the run then shows: both ask the same functions.

#include "app/explain.hpp"
#include "config/config_loader.hpp"
#include "script.hpp"
#include "stage.hpp"
#include "support/cache_status.hpp"
#include "support/raw_client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

namespace tiercel::conformance {
namespace {

// A case begins with one GET and one plain answer whose fields say no times of day.
bool is_plain(const script& s)
{
    const step& first = s.steps().front();
    const auto has_dates = [](const lines& fields) {
        return std::any_of(fields.begin(), fields.end(), [](const std::string& f) { return f.find('{') != std::string::npos; });
    };
    if (first.method != "GET" || !first.bytes.empty() || !first.content.empty() || first.clients != 1 || first.replies.size() != 1 ||
        has_dates(first.fields) || first.minor_version == 0) {
        return false;
    }
    const reply& r = first.replies.front();
    const bool is_whole = r.raw.empty() && !r.silent && !r.cut && !r.chunked && !r.until_close && r.interim.empty();
    const bool is_ranged = std::any_of(first.fields.begin(), first.fields.end(), [](const std::string& f) { return f.starts_with("Range"); });
    return is_whole && !is_ranged && r.status >= 200 && r.status < 600 && r.status != 206 && r.status != 304 && !has_dates(r.fields);
}

// What explain says about storing, as "stored" or the detail; and about the same request again, as Cache-Status would.
struct prediction {
    std::string storing;
    std::string again;
    std::string whole;
};

std::string in_brackets(const std::string& line)
{
    const std::size_t open = line.find('(');
    return line.substr(open + 1, line.find(')', open) - open - 1);
}

prediction predict(const config::loaded& what, const script& s)
{
    const step& first = s.steps().front();
    const reply& r = first.replies.front();
    app::question q{.method = "GET", .url = "http://" + first.host + s.path() + first.place, .fields = first.fields};
    q.status = r.status;
    q.answer = r.fields;
    std::ostringstream out;
    std::ostringstream err;
    app::explain(what, q, {out, err});
    prediction p;
    p.whole = out.str() + err.str();
    std::istringstream in(p.whole);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("storing     yes")) { p.storing = "stored"; }
        if (line.starts_with("storing     no (")) { p.storing = in_brackets(line); }
        if (line.starts_with("answer      malformed")) { p.storing = in_brackets(line); }
        if (line.starts_with("lookup      none")) { p.storing = in_brackets(line); }
        if (line.starts_with("in 0s ")) { p.again = line.find("hit") != std::string::npos ? "hit; detail=" + in_brackets(line) : in_brackets(line); }
    }
    return p;
}

test::header_list as_list(const lines& fields)
{
    test::header_list out;
    for (const std::string& f : fields) { out.emplace_back(f.substr(0, f.find(": ")), f.find(": ") == f.npos ? "" : f.substr(f.find(": ") + 2)); }
    return out;
}

std::string plain_reply(const reply& r)
{
    std::string out = "HTTP/1.1 " + std::to_string(r.status) + " As Told\r\n";
    for (const std::string& f : r.fields) { out += f + "\r\n"; }
    return out + (r.status == 204 ? "\r\n" : "Content-Length: 2\r\n\r\nok");
}

TEST(Explain, PredictsTheCacheStatusOfTheRun)
{
    for (const profile of : {profile::standard, profile::rfc9111}) {
        const auto on = make_binary_stage(of);
        const auto no_environment = [](std::string_view) { return std::optional<std::string>(); };
        const config::loaded what = config::load_text(configuration_of(of, *on), "run.yaml", no_environment);
        ASSERT_TRUE(what.ok());
        const table cases = all_cases(of);
        int compared = 0;
        for (const script& s : cases.cases()) {
            if (!is_plain(s)) { continue; }
            const step& first = s.steps().front();
            const std::string target = s.path() + first.place;
            test::origin_page& page = on->origin().page(target);
            page.answer([r = first.replies.front()](const test::http_request&) { return plain_reply(r); });
            test::header_list fields = as_list(first.fields);
            fields.insert(fields.begin(), {"Host", first.host});

            const prediction said = predict(what, s);
            const auto first_status = test::cache_status_of(test::raw_client(on->port()).get(target, fields));
            on->settle();
            EXPECT_EQ(first_status.stored ? "stored" : first_status.detail, said.storing) << s.title() << "\n" << said.whole;
            if (first_status.stored) {
                const std::string again = test::cache_status_of(test::raw_client(on->port()).get(target, fields)).text();
                // What arrives so old that no window reaches to the present may be swept out before it is asked for again.
                const bool is_sweepable = std::regex_search(said.whole, std::regex("[0-9]{10}s of it spent on arrival"));
                if (is_sweepable && again.starts_with("fwd=uri-miss")) { continue; }
                EXPECT_EQ(again.substr(0, said.again.size()), said.again) << s.title() << "\n" << said.whole;
            }
            ++compared;
        }
        EXPECT_GE(compared, 300);
    }
}

}  // namespace
}  // namespace tiercel::conformance
