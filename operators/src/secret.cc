#include "secret.h"

#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

namespace dynanoise {

// getentropy blocks until the generator is seeded, and is on Linux and macOS.
bool DrawSecret(uint32_t secret[kSecretWords]) { return getentropy(secret, kSecretWords * sizeof(uint32_t)) == 0; }

}  // namespace dynanoise
