#include "config/spelling.hpp"

#include "http/ascii.hpp"

#include <algorithm>
#include <vector>

namespace tiercel::config {
namespace {

constexpr std::size_t longest_word = 64;   // of a key; a longer one is no misspelling

char fold(char c) noexcept
{
    return c == '-' ? '_' : to_lower(c);
}

}  // namespace

std::size_t spelling_distance(std::string_view a, std::string_view b)
{
    const std::size_t width = b.size() + 1;
    std::vector<std::size_t> older(width);     // three rows of the usual table are enough
    std::vector<std::size_t> previous(width);
    std::vector<std::size_t> current(width);
    for (std::size_t j = 0; j < width; ++j) {
        previous[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j < width; ++j) {
            const bool same = fold(a[i - 1]) == fold(b[j - 1]);
            current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (same ? 0 : 1)});
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1])) {
                current[j] = std::min(current[j], older[j - 2] + 1);
            }
        }
        std::swap(older, previous);
        std::swap(previous, current);
    }
    return previous[width - 1];
}

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names)
{
    if (word.size() > longest_word) {
        return {};
    }
    std::string_view best;
    std::size_t best_distance = word.size();   // never suggest a name that shares nothing
    for (const auto name : names) {
        const auto d = spelling_distance(word, name);
        const auto allowed = std::max<std::size_t>(1, std::max(word.size(), name.size()) / 3);
        if (d <= allowed && d < best_distance) {
            best = name;
            best_distance = d;
        }
    }
    return best;
}

}  // namespace tiercel::config
