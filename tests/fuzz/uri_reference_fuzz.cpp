// References: what they are resolved to is absolute, has no dot segments left, and resolves to itself.

#include <tiercel/check.hpp>

#include "http/uri_reference.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace tiercel;

std::string_view path_of(std::string_view uri)
{
    const std::size_t begin = uri.find('/', uri.find("://") + 3);
    return uri.substr(begin, uri.find('?') == std::string_view::npos ? std::string_view::npos : uri.find('?') - begin);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view reference(reinterpret_cast<const char*>(data), size);
    const base_uri base{"http", "shop.test", "/b/c/d;p", "q", true};
    const auto uri = resolve_reference(base, reference);
    if (!uri) {
        return 0;
    }
    const auto again = resolve_reference(base, *uri);
    TIERCEL_CHECK(again == uri);
    const std::string path(path_of(*uri));
    TIERCEL_CHECK(path.starts_with('/'));
    TIERCEL_CHECK((path + "/").find("/../") == std::string::npos && (path + "/").find("/./") == std::string::npos);
    return 0;
}
