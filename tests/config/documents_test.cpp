// The examples in the documents are accepted by `tiercel check`. A block of YAML there begins at the top of a configuration and may leave
// out what it is not about: origins, routes, the files and variables that it names.

#include "config/load_support.hpp"
#include "support/certificates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace tiercel::config {
namespace {

namespace fs = std::filesystem;

struct example {
    std::string place;   // file:line
    std::string text;
};

std::vector<example> examples_in(const fs::path& file)
{
    std::vector<example> out;
    std::ifstream in(file);
    bool inside = false;
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (inside && line.starts_with("```")) {
            inside = false;
        } else if (inside) {
            out.back().text += line + "\n";
        } else if (line.starts_with("```yaml")) {
            inside = true;
            out.push_back({file.filename().string() + ":" + std::to_string(number), ""});
        }
    }
    return out;
}

std::vector<example> all_examples()
{
    const fs::path root = TIERCEL_SOURCE_DIR;
    std::vector<fs::path> files{root / "README.md"};
    for (const auto& e : fs::directory_iterator(root / "docs")) {
        if (e.path().extension() == ".md") { files.push_back(e.path()); }
    }
    std::sort(files.begin(), files.end());
    std::vector<example> out;
    for (const fs::path& f : files) {
        for (example& e : examples_in(f)) { out.push_back(std::move(e)); }
    }
    return out;
}

bool has_key(const std::string& text, const std::string& key) { return text.starts_with(key + ":") || text.find("\n" + key + ":") != text.npos; }

// All that it calls an origin.
std::vector<std::string> origins_named_in(const std::string& text)
{
    static const std::regex naming("origin: ([a-z-]+)");
    std::vector<std::string> out;
    for (std::sregex_iterator i(text.begin(), text.end(), naming), end; i != end; ++i) { out.push_back((*i)[1]); }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

class Documents : public testing::Test {
protected:
    Documents()
    {
        const test::certificate_files own = authority_.issue();
        fs::copy_file(authority_.file(), files_.path() / "internal-ca.pem");
        fs::copy_file(own.certificate, files_.path() / "client.pem");
        fs::copy_file(own.key, files_.path() / "client.key");
    }
    std::string completed(std::string text) const
    {
        if (!has_key(text, "origins")) {
            std::vector<std::string> names = origins_named_in(text);
            if (names.empty()) { names.push_back("site"); }
            text += "origins:\n";
            for (const std::string& n : names) { text += "  " + n + ": { endpoints: [http://127.0.0.1:3000] }\n"; }
        }
        if (!has_key(text, "routes")) {
            static const std::regex first("\norigins:\n  ([a-z-]+):");
            std::smatch found;
            const std::string from_a_new_line = "\n" + text;
            if (std::regex_search(from_a_new_line, found, first)) { text += "routes: [{ match: { path: / }, origin: " + found[1].str() + " }]\n"; }
        }
        static const std::regex file("/etc/tiercel/");
        return std::regex_replace(text, file, files_.path().native() + "/");
    }

    test::temp_dir files_;
    test::certificate_authority authority_;
};

TEST_F(Documents, HaveNoExampleThatIsRefused)
{
    const environment any_variable = [](std::string_view) { return std::optional<std::string>("a-value-of-reasonable-length"); };
    const std::vector<example> all = all_examples();
    EXPECT_GE(all.size(), 18u);
    for (const example& e : all) {
        const std::string text = completed(e.text);
        EXPECT_THAT(lines(load_text(text, e.place, any_variable)), testing::IsEmpty()) << text;
    }
}

}  // namespace
}  // namespace tiercel::config
