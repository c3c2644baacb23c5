// Between clients and servers that other people wrote: what a client gets through the proxy, from the origin or from the
// store, is what it gets without the proxy. Clients and servers that are not installed are left out.

#include "blackbox/setting.hpp"
#include "support/apache_server.hpp"
#include "support/nginx_server.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <sstream>

namespace tiercel::test {
namespace {

using namespace std::chrono_literals;

struct asked {
    std::string method = "GET";
    std::string target;
    header_list fields{};
    std::size_t content = 0;       // bytes that are sent
};

struct got {
    int status = 0;
    int interim = -1;              // -1: the client does not tell
    http_fields head;
    std::string body;
};

std::string text_of(const asked& a)
{
    std::string out = a.method + " " + a.target;
    for (const auto& [name, value] : a.fields) { out += ", " + name + ": " + value; }
    return out;
}

// ---- clients ---------------------------------------------------------------------------------------------------------

std::string run(process_options o)
{
    const auto p = process::start(std::move(o));
    const exit_status ended = p->wait(60s);
    if (!ended.ok()) { throw std::runtime_error("a client failed:\n" + p->output().substr(0, 2'000)); }
    return p->output();
}

// Programs that read questions from standard input, and write answers as peers/client.py explains.
std::vector<got> ask_program(std::vector<std::string> command, std::uint16_t port, const std::vector<asked>& all)
{
    const temp_dir directory;
    std::string questions;
    for (const asked& a : all) {
        questions += a.method + "\t" + a.target + "\t";
        for (const auto& [name, value] : a.fields) { questions += (&value == &a.fields.front().second ? "" : "|") + name + ": " + value; }
        questions += "\t" + std::to_string(a.content) + "\n";
    }
    const auto file = directory.write("questions", questions);
    std::string line;
    for (const std::string& word : command) { line += "'" + word + "' "; }
    std::istringstream in(run({.argv = {"sh", "-c", "exec " + line + "127.0.0.1 " + std::to_string(port) + " < '" + file.native() + "'"}}));
    std::vector<got> out;
    for (got g; out.size() < all.size();) {
        std::size_t fields = 0;
        std::size_t size = 0;
        if (!(in >> g.status >> g.interim >> fields >> size)) { throw std::runtime_error("the client's output ends too early"); }
        in.ignore();
        g.head.fields.clear();
        for (std::string field; fields > 0 && std::getline(in, field); --fields) {
            const std::size_t colon = field.find(": ");
            g.head.fields.emplace_back(field.substr(0, colon), field.substr(colon + 2));
        }
        g.body.resize(size);
        in.read(g.body.data(), static_cast<std::streamsize>(size));
        out.push_back(g);
    }
    return out;
}

std::vector<got> ask_python(std::uint16_t port, const std::vector<asked>& all)
{
    return ask_program({"python3", TIERCEL_PEERS "/client.py"}, port, all);
}

std::vector<got> ask_node(std::uint16_t port, const std::vector<asked>& all)
{
    return ask_program({"node", TIERCEL_PEERS "/client.mjs"}, port, all);
}

// What `curl -i` prints: heads, interim ones too, then the content as it decoded it.
got read_curl(std::string_view bytes)
{
    got g;
    g.interim = 0;
    for (;;) {
        const std::size_t end = bytes.find("\r\n\r\n");
        if (!bytes.starts_with("HTTP/1.1 ") || end == bytes.npos) { throw std::runtime_error("curl printed no head: " + std::string(bytes.substr(0, 300))); }
        std::istringstream lines{std::string(bytes.substr(0, end))};
        std::string line;
        std::getline(lines, line);
        g.status = std::stoi(line.substr(9));
        g.head.fields.clear();
        while (std::getline(lines, line)) {
            if (line.ends_with('\r')) { line.pop_back(); }
            const std::size_t colon = line.find(':');
            g.head.fields.emplace_back(line.substr(0, colon), line.substr(std::min(colon + 2, line.size())));
        }
        bytes.remove_prefix(end + 4);
        if (g.status >= 200) { break; }
        ++g.interim;
    }
    g.body = bytes;
    return g;
}

std::vector<got> ask_curl(std::uint16_t port, const std::vector<asked>& all)
{
    std::vector<got> out;
    const temp_dir directory;
    for (const asked& a : all) {
        process_options o;
        o.argv = {"curl", "-q", "-s", "-S", "-i", "--http1.1", "--max-time", "20", a.method == "HEAD" ? "-I" : "-X" + a.method};
        for (const auto& [name, value] : a.fields) {
            o.argv.insert(o.argv.end(), {"-H", name + ": " + value});
        }
        if (a.content > 0) {
            const auto file = directory.write("content", std::string(a.content, 'x'));
            o.argv.insert(o.argv.end(), {"--data-binary", "@" + file.native(), "-H", "Content-Type: text/plain"});
        }
        o.argv.push_back("http://127.0.0.1:" + std::to_string(port) + a.target);
        out.push_back(read_curl(run(std::move(o))));
    }
    return out;
}

struct client {
    std::string name;
    std::vector<got> (*ask)(std::uint16_t, const std::vector<asked>&);
    bool understands_interim = true;   // some take a 103 for the answer, with or without a proxy
};

std::vector<client> clients()
{
    std::vector<client> all;
    if (!find_program("curl").empty()) { all.push_back({"curl", ask_curl}); }
    if (!find_program("python3").empty()) { all.push_back({"Python", ask_python, false}); }
    if (!find_program("node").empty()) { all.push_back({"Node", ask_node}); }
    return all;
}

// ---- comparing -------------------------------------------------------------------------------------------------------

// Fields that a cache has to write, or that are of one connection (RFC 9110 §7.6), and the moment of the answer.
bool is_of_the_way(std::string_view name)
{
    for (const char* n : {"Age", "Cache-Status", "Connection", "Content-Length", "Date", "Keep-Alive", "Transfer-Encoding", "Via", "X-Request-ID"}) {
        if (equal_names(n, name)) { return true; }
    }
    return false;
}

// A part that is cut out here has all fields of the whole; some servers leave Accept-Ranges out of theirs.
std::multiset<std::string> end_to_end(const got& g)
{
    std::multiset<std::string> out;
    for (const auto& [name, value] : g.head.fields) {
        const bool is_left_out = is_of_the_way(name) || (g.status == 206 && equal_names(name, "Accept-Ranges"));
        if (!is_left_out) { out.insert(name + ": " + value); }
    }
    return out;
}

void expect_same(const got& direct, const got& through, bool from_store)
{
    EXPECT_EQ(through.status, direct.status);
    if (direct.status == 416) {
        return;   // made by whoever knows the length, each in its own words
    }
    EXPECT_TRUE(through.body == direct.body) << through.body.size() << " bytes, not " << direct.body.size();
    if (direct.status == 304) {   // which of its fields are repeated is up to who makes it (RFC 9110 §15.4.5)
        EXPECT_EQ(through.head.header("ETag"), direct.head.header("ETag"));
    } else {
        EXPECT_EQ(end_to_end(through), end_to_end(direct));
    }
    if (through.head.has("Content-Length") && direct.head.has("Content-Length")) {
        EXPECT_EQ(through.head.header("Content-Length"), direct.head.header("Content-Length"));
    }
    EXPECT_EQ(through.interim, from_store && through.interim >= 0 ? 0 : direct.interim);
}

// All clients ask all of it directly, then twice through a proxy that has nothing yet.
void compare(std::uint16_t origin, const std::vector<asked>& questions)
{
    for (const client& c : clients()) {
        SCOPED_TRACE(c.name);
        const proxy p(setting{.origin_url = "http://127.0.0.1:" + std::to_string(origin)}.yaml());
        const auto direct = c.ask(origin, questions);
        const auto first = c.ask(p.port(), questions);
        const auto second = c.ask(p.port(), questions);
        std::size_t hits = 0;
        for (std::size_t i = 0; i < questions.size(); ++i) {
            SCOPED_TRACE(text_of(questions[i]));
            const bool was_hit = first[i].head.header("Cache-Status").value_or("").find("; hit") != std::string::npos;
            const bool is_hit = second[i].head.header("Cache-Status").value_or("").find("; hit") != std::string::npos;
            expect_same(direct[i], first[i], was_hit);
            expect_same(direct[i], second[i], is_hit);
            hits += is_hit ? 1 : 0;
        }
        EXPECT_GE(hits * 2, questions.size()) << "mostly from the store, the second time";
    }
}

// ---- a browser -------------------------------------------------------------------------------------------------------

// What peers/browser.html wrote down: one line per answer, after a start with an empty cache.
std::string browse(std::uint16_t port)
{
    const temp_dir profile;
    process_options o;
    o.argv = {"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
              "--disable-background-networking", "--disable-component-update", "--user-data-dir=" + profile.path().native(),
              "--virtual-time-budget=20000", "--dump-dom", "http://127.0.0.1:" + std::to_string(port) + "/browser.html"};
    o.environment = {{"HOME", profile.path().native()}};
    const std::string printed = run(std::move(o));
    const std::size_t begin = printed.find("<pre id=\"answers\">");
    const std::size_t end = printed.find("\nfinished</pre>", begin);
    if (begin == printed.npos || end == printed.npos) { throw std::runtime_error("the page was not finished:\n" + printed.substr(0, 3'000)); }
    return printed.substr(begin, end - begin);
}

// Directly, through a proxy that has nothing yet, and once more, all of it from the store.
void compare_in_browser(std::uint16_t origin)
{
    if (find_program("chromium").empty()) { GTEST_SKIP() << "chromium is not installed"; }
    const temp_dir logs;
    const std::string file = (logs.path() / "access").native();
    const proxy p(setting{.origin_url = "http://127.0.0.1:" + std::to_string(origin), .log = "{level: warn, access: {file: \"" + file + "\"}}"}.yaml());
    const std::string direct = browse(origin);
    EXPECT_THAT(direct, testing::HasSubstr("/data.bin {\"cache\":\"no-store\",\"headers\":{\"Range\":\"bytes=0-9\"}} 206 10 "));
    EXPECT_EQ(browse(p.port()), direct);
    const double asked = p.metric("origin_requests_total");
    EXPECT_GT(asked, 0);
    EXPECT_EQ(browse(p.port()), direct);
    EXPECT_LE(p.metric("origin_requests_total") - asked, 2) << "its icon, and what may not be stored";
    // It did ask for what it had already, and was told that it may use it.
    EXPECT_TRUE(eventually([&] { return read_file(file).find("\"status\":304") != std::string::npos; })) << read_file(file);
}

// ---- questions -------------------------------------------------------------------------------------------------------

std::string page()
{
    std::string out;
    for (int i = 0; i < 2'000; ++i) { out += "<p>line " + std::to_string(i) + " of a page</p>\n"; }
    return out;
}

std::string data()
{
    std::string out(200'000, '\0');
    for (std::size_t i = 0; i < out.size(); ++i) { out[i] = static_cast<char>(i * 7919 % 251); }
    return out;
}

// For a document and a page that the origin compresses, with its own validators.
std::vector<asked> usual_questions(std::uint16_t origin)
{
    const http_response r = raw_client(origin).get("/data.bin");
    const std::string tag = r.header("ETag").value_or("");
    const std::string modified = r.header("Last-Modified").value_or("");
    EXPECT_FALSE(tag.empty() || modified.empty());
    std::vector<asked> all{
        {.target = "/page.html"},
        {.target = "/page.html", .fields = {{"Accept-Encoding", "gzip"}}},
        {.target = "/page.html", .fields = {{"Accept-Encoding", "identity"}}},
        {.target = "/data.bin"},
        {.method = "HEAD", .target = "/data.bin"},
        {.target = "/no-such-page"},
        {.target = "/data.bin", .fields = {{"If-None-Match", tag}}},
        {.target = "/data.bin", .fields = {{"If-None-Match", "\"other\""}}},
        {.target = "/data.bin", .fields = {{"If-Modified-Since", modified}}},
    };
    for (const char* range : {"bytes=0-9", "bytes=100000-", "bytes=-50", "bytes=199990-300000", "bytes=200000-", "lines=1-2"}) {
        all.push_back({.target = "/data.bin", .fields = {{"Range", range}}});
    }
    all.push_back({.target = "/data.bin", .fields = {{"Range", "bytes=5-6"}, {"If-Range", tag}}});
    all.push_back({.target = "/data.bin", .fields = {{"Range", "bytes=5-6"}, {"If-Range", "\"other\""}}});
    return all;
}

TEST(Peers, NginxBehind)
{
    if (!nginx_server::available()) { GTEST_SKIP() << "nginx is not installed"; }
    const nginx_server nginx({.server_directives = "gzip on; gzip_types text/html; gzip_proxied any; gzip_vary on;",
                              .location_directives = "add_header Cache-Control max-age=60 always;"});
    nginx.write("page.html", page());
    nginx.write("data.bin", data());
    nginx.write("browser.html", read_file(TIERCEL_PEERS "/browser.html"));
    compare(nginx.port(), usual_questions(nginx.port()));
    compare_in_browser(nginx.port());
}

TEST(Peers, ApacheBehind)
{
    if (!apache_server::available()) { GTEST_SKIP() << "apache2 is not installed"; }
    const apache_server apache;
    apache.write("page.html", page());
    apache.write("data.bin", data());
    apache.write("browser.html", read_file(TIERCEL_PEERS "/browser.html"));
    compare(apache.port(), usual_questions(apache.port()));
    compare_in_browser(apache.port());
}

class NodeBehind : public testing::Test {
protected:
    void SetUp() override
    {
        if (find_program("node").empty()) { GTEST_SKIP() << "node is not installed"; }
        server_ = process::start({.argv = {"node", TIERCEL_PEERS "/server.mjs"}});
        port_ = static_cast<std::uint16_t>(std::stoul(server_->wait_for_line("port ").substr(5)));
    }

    std::unique_ptr<process> server_;
    std::uint16_t port_ = 0;
};

TEST_F(NodeBehind, UsualQuestionsAndContentInPieces)
{
    std::vector<asked> all = usual_questions(port_);
    all.push_back({.target = "/pieces"});
    all.push_back({.method = "HEAD", .target = "/pieces"});
    compare(port_, all);
    compare_in_browser(port_);
}

TEST_F(NodeBehind, EarlyHintsReachWhoUnderstandsThem)
{
    for (const client& c : clients()) {
        if (!c.understands_interim) { continue; }
        SCOPED_TRACE(c.name);
        const proxy p(setting{.origin_url = "http://127.0.0.1:" + std::to_string(port_)}.yaml());
        const std::vector<asked> hints{{.target = "/hints"}};
        const got direct = c.ask(port_, hints).front();
        EXPECT_EQ(direct.interim, 1);
        expect_same(direct, c.ask(p.port(), hints).front(), false);
        expect_same(direct, c.ask(p.port(), hints).front(), true);
    }
}

TEST_F(NodeBehind, ContentGoesUpWithAndWithoutAnExpectation)
{
    for (const client& c : clients()) {
        SCOPED_TRACE(c.name);
        const proxy p(setting{.origin_url = "http://127.0.0.1:" + std::to_string(port_)}.yaml());
        std::vector<asked> uploads{{.method = "POST", .target = "/echo", .content = 10}, {.method = "POST", .target = "/echo", .content = 3'000'000}};
        if (c.understands_interim) {
            uploads.push_back({.method = "POST", .target = "/echo", .fields = {{"Expect", "100-continue"}, {"Content-Length", "500000"}}, .content = 500'000});
        }
        const auto through = c.ask(p.port(), uploads);
        for (std::size_t i = 0; i < uploads.size(); ++i) {
            EXPECT_EQ(through[i].status, 200);
            EXPECT_TRUE(through[i].body == std::string(uploads[i].content, 'x')) << through[i].body.size();
        }
    }
}

}  // namespace
}  // namespace tiercel::test
