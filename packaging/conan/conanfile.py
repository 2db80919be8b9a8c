"""The Conan recipe: packages the archive of a release for the platform of the profile."""

import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, get

required_conan_version = ">=2.0"


class TangoToken(ConanFile):
    """Takes what a release has built, since a build needs Rust and minutes."""

    name = "tango-token"
    description = "Gets, caches and refreshes service-account tokens of the Tango API"
    license = ("MIT", "Apache-2.0")
    url = "https://github.com/tango-token/tango-token"
    homepage = url
    topics = ("oauth2", "dpop", "tango", "token")
    package_type = "library"
    settings = "os", "arch", "compiler"
    # Conan has no setting for the C library of Linux.
    options = {"shared": [True, False], "libc": ["glibc", "musl"]}
    default_options = {"shared": True, "libc": "glibc"}

    def config_options(self):
        if self.settings.os != "Linux":
            del self.options.libc

    def validate(self):
        if self._platform not in self.conan_data["sources"][self.version]:
            raise ConanInvalidConfiguration(f"tango-token {self.version} has no archive for {self._platform}")
        if self.settings.compiler == "msvc" and not self.options.shared:
            raise ConanInvalidConfiguration("the static library for Windows is one of MinGW: take shared=True")

    def package_id(self):
        # The C interface is the same for all compilers and build types.
        del self.info.settings.compiler

    @property
    def _platform(self):
        system = {"Linux": "linux", "Windows": "win", "Macos": "osx"}.get(str(self.settings.os), str(self.settings.os))
        processor = {"x86_64": "x64", "armv8": "arm64"}.get(str(self.settings.arch), str(self.settings.arch))
        libc = "-musl" if self.options.get_safe("libc") == "musl" else ""
        return f"{system}{libc}-{processor}"

    def build(self):
        get(self, **self.conan_data["sources"][self.version][self._platform], strip_root=True)

    def package(self):
        documents = os.path.join(self.build_folder, "share", "doc", "tango-token")
        copy(self, "*LICENSE*", documents, os.path.join(self.package_folder, "licenses"))
        copy(self, "*", os.path.join(self.build_folder, "include"), os.path.join(self.package_folder, "include"))
        libraries = os.path.join(self.package_folder, "lib")
        if self.options.shared:
            patterns = ["libtango_token.so*", "libtango_token*.dylib", "libtango_token.dll.a", "tango_token.lib"]
            copy(self, "*.dll", os.path.join(self.build_folder, "bin"), os.path.join(self.package_folder, "bin"))
        else:
            patterns = ["libtango_token.a"]
        for pattern in patterns:
            copy(self, pattern, os.path.join(self.build_folder, "lib"), libraries)

    def package_info(self):
        self.cpp_info.libs = ["tango_token"]
        # As the CMake package of an installed library.
        self.cpp_info.set_property("cmake_file_name", "TangoToken")
        target = "TangoToken::TangoToken" if self.options.shared else "TangoToken::Static"
        self.cpp_info.set_property("cmake_target_name", target)
        self.cpp_info.set_property("pkg_config_name", "tango-token")
        if not self.options.shared:
            self.cpp_info.system_libs = self.conan_data["static_libs"][str(self.settings.os)]
            if self.settings.os == "Macos":
                self.cpp_info.frameworks = ["Security", "CoreFoundation"]
