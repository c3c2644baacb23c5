#include "config/environment.hpp"

#include <algorithm>

namespace tiercel::config {
namespace {

bool is_variable_name(std::string_view name) noexcept
{
    if (name.empty() || (name.front() >= '0' && name.front() <= '9')) {
        return false;
    }
    return name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
}

// What stands between "${" and "}".
void expand_one(std::string_view inside, const environment& env, expansion& out)
{
    const auto mark = inside.find(":-");
    const bool has_default = mark != inside.npos;
    const std::string name(inside.substr(0, mark));
    if (!is_variable_name(name)) {
        out.problem = "has a ${…} without the name of a variable; write $${ for a plain ${";
        return;
    }
    const auto value = env(name);
    if (value && !(has_default && value->empty())) {
        out.text += *value;
        out.variables.push_back(name);
    } else if (has_default) {
        out.text += inside.substr(mark + 2);
    } else {
        out.problem = "needs the environment variable " + name + ", which is not set (a default goes as ${" + name + ":-default})";
    }
}

}  // namespace

expansion expand(std::string_view text, const environment& env)
{
    expansion out;
    while (!text.empty() && !out.problem) {
        const auto dollar = text.find('$');
        out.text += text.substr(0, dollar);
        text.remove_prefix(std::min(dollar, text.size()));
        if (text.starts_with("$${")) {
            out.text += "${";
            text.remove_prefix(3);
        } else if (text.starts_with("${")) {
            const auto end = text.find('}');
            if (end == text.npos) {
                out.problem = "has a ${ without its }; write $${ for a plain ${";
                break;
            }
            expand_one(text.substr(2, end - 2), env, out);
            text.remove_prefix(end + 1);
        } else if (!text.empty()) {
            out.text += text.front();
            text.remove_prefix(1);
        }
    }
    return out;
}

}  // namespace tiercel::config
