# Compose 2.26 from Debian 13, the peer of several benchmarks, unpacked into a folder of its own and never installed.
# Sourced; sets `compose` to the program.
compose=$PWD/target/bench/compose/usr/libexec/docker/cli-plugins/docker-compose

get_compose() {
  [[ ! -x $compose ]] || return 0
  local data=$PWD/target/bench apt=$PWD/target/bench/apt mirror options
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' 'Origin: Debian' | awk '$2 == "Debian" { print $1; exit }')
  mkdir -p "$apt"/{lists/partial,cache/archives/partial}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} trixie main" >"$apt/sources"
  options=(-o "Dir::Etc::SourceList=$apt/sources" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >"$data/apt.log" 2>&1
  (cd "$apt" && apt-get "${options[@]}" download docker-compose >>"$data/apt.log" 2>&1)
  dpkg -x "$apt"/docker-compose_*.deb "$data/compose"
}
