#include "config/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

namespace tiercel::config {
namespace {

using kind = yaml_node::kind;

// In YAML a brace ends a plain word inside [ ] and { }, so that [ ${NAME} ] would be an error. Nobody expects that: the
// braces of ${…} are hidden from the YAML library behind two bytes that no YAML text may hold. Places stay as they are.
constexpr char hidden_open = '\x01';
constexpr char hidden_close = '\x02';

// Does a ${…} begin here that a plain word can hold? Anything stranger has to be quoted. Its length, or 0.
std::size_t variable_length(std::string_view text)
{
    if (!text.starts_with("${")) {
        return 0;
    }
    const auto end = text.find_first_of("}{[],\"'#\r\n", 2);
    return end != text.npos && text[end] == '}' ? end + 1 : 0;
}

std::string shield(std::string_view text)
{
    std::string out(text);
    for (std::size_t at = out.find("${"); at != out.npos; at = out.find("${", at + 1)) {
        if (const auto length = variable_length(std::string_view(out).substr(at)); length != 0) {
            out[at + 1] = hidden_open;
            out[at + length - 1] = hidden_close;
        }
    }
    return out;
}

std::string unshield(std::string text)
{
    std::replace(text.begin(), text.end(), hidden_open, '{');
    std::replace(text.begin(), text.end(), hidden_close, '}');
    return text;
}

// The first byte that no YAML text may hold (YAML 1.2 §5.1); the library would take some of them for the end.
std::optional<place> forbidden_byte(std::string_view text, std::size_t file)
{
    place at{.file = file, .line = 1, .column = 1};
    for (const char c : text) {
        const auto u = static_cast<unsigned char>(c);
        if ((u < 0x20 && c != '\t' && c != '\n' && c != '\r') || u == 0x7f) {
            return at;
        }
        at.column = c == '\n' ? 1 : at.column + 1;
        at.line += c == '\n' ? 1 : 0;
    }
    return std::nullopt;
}

// Where a tab indents that line or the one before it: what the library says then is about something else.
std::optional<place> indenting_tab(std::string_view text, const place& near)
{
    place at{.file = near.file, .line = 1, .column = 1};
    for (; !text.empty(); ++at.line) {
        const auto line = text.substr(0, text.find('\n'));
        const auto tab = line.find_first_not_of(' ');
        if (at.line <= near.line && at.line + 1 >= near.line && tab != line.npos && line[tab] == '\t') {
            at.column = static_cast<unsigned>(tab) + 1;
            return at;
        }
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return std::nullopt;
}

// The library's words for the mistakes that people make most, in words for them.
std::string plain_words(const std::string& said)
{
    constexpr std::pair<std::string_view, std::string_view> usual[] = {
        {"illegal map value", "a colon where no value can begin; is a quote missing, or the indentation wrong?"},
        {"end of map not found", "a line that is indented like none of those around it, or is no key with a value"},
        {"end of map flow not found", "a { without its }"},
        {"end of sequence flow not found", "a [ without its ]"},
        {"unknown token", "a character that must be quoted here"},
    };
    const auto found = std::find_if(std::begin(usual), std::end(usual), [&](const auto& u) { return u.first == said; });
    return found == std::end(usual) ? said : std::string(found->second);
}

class tree_builder final : public YAML::EventHandler {
public:
    explicit tree_builder(std::size_t file) : file_(file) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { finish(make(kind::null, mark), anchor); }
    void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override
    {
        auto node = make(kind::scalar, mark);
        node->text = unshield(value);
        finish(std::move(node), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) {
            complain(at(mark), path(), "an alias cannot stand inside what it names");
            place_node(make(kind::null, mark));
            return;
        }
        place_node(found->second);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override
    {
        open_.push_back({.node = make(kind::list, mark), .anchor = anchor, .key = std::nullopt});
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override
    {
        open_.push_back({.node = make(kind::map, mark), .anchor = anchor, .key = std::nullopt});
    }
    void OnMapEnd() override { close(); }

    place at(const YAML::Mark& mark) const
    {
        const auto from_one = [](int n) { return n < 0 ? 1u : static_cast<unsigned>(n) + 1; };
        return {.file = file_, .line = from_one(mark.line), .column = from_one(mark.column)};
    }
    void complain(place where, std::string about, std::string what)
    {
        errors_.push_back({where, std::move(about), std::move(what)});
    }

    yaml_ptr root() const { return root_; }
    std::vector<yaml_error> take_errors() { return std::move(errors_); }

private:
    struct open_node {
        std::shared_ptr<yaml_node> node;
        YAML::anchor_t anchor = 0;
        std::optional<yaml_member> key;    // of a map, when its value comes next
    };

    std::shared_ptr<yaml_node> make(kind what, const YAML::Mark& mark) const
    {
        auto node = std::make_shared<yaml_node>();
        node->what = what;
        node->where = at(mark);
        return node;
    }
    // Anchors are known from here on only, so that no node can contain itself.
    void finish(std::shared_ptr<yaml_node> node, YAML::anchor_t anchor)
    {
        if (anchor != 0) {
            anchors_[anchor] = node;
        }
        place_node(std::move(node));
    }
    void close()
    {
        auto done = std::move(open_.back());
        open_.pop_back();
        finish(std::move(done.node), done.anchor);
    }
    void place_node(yaml_ptr node)
    {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        auto& parent = open_.back();
        if (parent.node->what == kind::list) {
            parent.node->items.push_back(std::move(node));
        } else if (!parent.key) {
            if (node->what != kind::scalar) {
                complain(node->where, path(), "a key must be a plain word");
            }
            parent.key = yaml_member{.name = node->text, .where = node->where, .value = nullptr};
        } else {
            add_member(*parent.node, std::move(node));
        }
    }
    void add_member(yaml_node& map, yaml_ptr value)
    {
        auto& key = open_.back().key;
        const auto same = [&](const yaml_member& m) { return m.name == key->name; };
        if (const auto first = std::find_if(map.members.begin(), map.members.end(), same); first != map.members.end()) {
            complain(key->where, path(), "is given twice, first in line " + std::to_string(first->where.line));
        } else {
            key->value = std::move(value);
            map.members.push_back(std::move(*key));
        }
        key.reset();
    }
    // Of what comes next.
    std::string path() const
    {
        std::string p;
        for (const auto& o : open_) {
            if (o.node->what == kind::list) {
                p += "[" + std::to_string(o.node->items.size()) + "]";
            } else if (o.key) {
                p += (p.empty() ? "" : ".") + o.key->name;
            }
        }
        return p;
    }

    std::size_t file_;
    std::vector<open_node> open_;
    std::map<YAML::anchor_t, yaml_ptr> anchors_;
    yaml_ptr root_;
    std::vector<yaml_error> errors_;
};

}  // namespace

yaml_document parse_yaml(std::string_view text, std::size_t file)
{
    tree_builder builder(file);
    if (const auto where = forbidden_byte(text, file)) {
        builder.complain(*where, {}, "is not YAML: a control character");
        return {.root = nullptr, .errors = builder.take_errors()};
    }
    bool whole = true;
    std::istringstream in{shield(text)};
    try {
        YAML::Parser parser(in);
        if (parser.HandleNextDocument(builder)) {
            tree_builder rest(file);
            if (parser.HandleNextDocument(rest)) {
                const auto where = rest.root() ? rest.root()->where : place{.file = file};
                builder.complain(where, {}, "only one document may stand in a file");
            }
        }
    } catch (const YAML::Exception& e) {
        whole = false;
        if (const auto tab = indenting_tab(text, builder.at(e.mark))) {
            builder.complain(*tab, {}, "is not YAML: a tab indents this line, where only blanks may");
        } else {
            builder.complain(builder.at(e.mark), {}, "is not YAML: " + plain_words(e.msg));
        }
    }
    auto root = builder.root();
    if (!root) {
        auto nothing = std::make_shared<yaml_node>();
        nothing->where.file = file;
        root = std::move(nothing);
    }
    return {.root = whole ? root : nullptr, .errors = builder.take_errors()};
}

}  // namespace tiercel::config
