#pragma once

#include <cstdint>

namespace dynanoise {

constexpr int kSecretWords = 8;

// 256 bits from the operating system; false if it gives none.
bool DrawSecret(uint32_t secret[kSecretWords]);

}  // namespace dynanoise
