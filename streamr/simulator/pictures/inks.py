"""Colours that go together: night, deep, middle, accent, glow, paper."""

from streamr.simulator.pictures.canvas import Inks

COSMOS = Inks("#0b0f24", "#1d2b5e", "#4c5fb0", "#e4572e", "#ffc857", "#f6efe0")
AURORA = Inks("#07161f", "#0f3d4c", "#1f7a7a", "#3ddbb0", "#d6f49d", "#f2fbf0")
ULTRA = Inks("#150a2b", "#3a1a6b", "#7a37c2", "#ff4f8b", "#ffd0a6", "#fff1e6")
EMBER = Inks("#1b0d0c", "#4a1712", "#9c2f1b", "#e8541e", "#ffb347", "#fff0da")
STEEL = Inks("#10151c", "#263443", "#51687d", "#d94f30", "#f2c14e", "#eef1f0")
TOXIC = Inks("#0d1310", "#1f3328", "#4f7a3f", "#a4c639", "#f0e66a", "#f7f8e6")
BLOOD = Inks("#0d0607", "#2a0c10", "#5c1119", "#b3131f", "#f2d8b8", "#f7ead9")
FOG = Inks("#0c1114", "#24323a", "#4d626c", "#8fa6a6", "#e9e3cf", "#f5f3ea")
NOIR = Inks("#0d0e10", "#24272d", "#565b66", "#c8102e", "#f4d35e", "#f5f1e8")
HARBOUR = Inks("#0c1a2b", "#173a5e", "#2f6f94", "#f26b4e", "#ffd28f", "#fbf3e4")
DESERT = Inks("#2a1510", "#6b2f1c", "#b0562f", "#d9773c", "#f3b562", "#fdebc8")
CANYON = Inks("#1e1a2e", "#563355", "#a2485a", "#e07a5f", "#f2cc8f", "#fff3df")
FOREST = Inks("#0f1f17", "#1f4a35", "#3d7d58", "#e9a23b", "#f6dd9a", "#fbf6e6")
GLACIER = Inks("#0d1b2a", "#1b3a5b", "#4886a8", "#8cc7d6", "#f3e9c6", "#f6fbfb")
SPELL = Inks("#120b2e", "#2e1f66", "#5b45a8", "#c77dd0", "#ffd6a5", "#fff6ea")
MEADOW = Inks("#163a3a", "#1f7a6c", "#43b692", "#ff6b57", "#ffd35c", "#fff8e7")
CANDY = Inks("#27224f", "#4b3f96", "#5fb7e5", "#ff5d73", "#ffd166", "#fff9ef")
LAGOON = Inks("#0d2c40", "#14658a", "#33a9c4", "#ff8552", "#ffe08a", "#fdfbf2")
ROSE = Inks("#3a1230", "#7b2150", "#c2416c", "#ff6f7d", "#ffc09f", "#fff3e8")
DUSK = Inks("#1d1a3a", "#46306e", "#8e4a8b", "#f07167", "#ffc971", "#fff2e1")
BAUHAUS = Inks("#1d1d1b", "#234e8f", "#3a86c8", "#d93a2b", "#f4b92f", "#f7f0e0")
SORBET = Inks("#2b2745", "#3f5b8c", "#58b09c", "#ff7f6a", "#ffd275", "#fffaf0")
RUST = Inks("#17181c", "#31414f", "#61757d", "#c8693c", "#f0c987", "#f6f0e4")
MOSS = Inks("#14170f", "#36422b", "#6f7d4c", "#c99a3f", "#efdca2", "#f8f4e4")
SLATE = Inks("#12161f", "#2d3a55", "#5d739c", "#e28f6b", "#f5dcae", "#f7f3ea")
PLUM = Inks("#1a1022", "#432447", "#7d4268", "#d77a61", "#f4d19b", "#fbf2e4")
KHAKI = Inks("#15140d", "#3a3722", "#756b3e", "#b8562b", "#e9c46a", "#f6efdb")

BRIGHT = (BAUHAUS, SORBET, CANDY, MEADOW, LAGOON, SLATE, ROSE, RUST)
INKS = {
    878: (COSMOS, AURORA, ULTRA, HARBOUR),
    10765: (COSMOS, SPELL, AURORA, ULTRA),
    27: (BLOOD, FOG, TOXIC),
    37: (DESERT, CANYON),
    10402: (ULTRA, DUSK, BAUHAUS),
    10752: (KHAKI, EMBER, FOG),
    10768: (KHAKI, STEEL),
    16: (MEADOW, CANDY, LAGOON, SORBET),
    10751: (MEADOW, LAGOON, SORBET),
    14: (SPELL, DUSK, GLACIER, FOREST),
    36: (KHAKI, PLUM, RUST),
    80: (NOIR, STEEL, HARBOUR, EMBER),
    9648: (NOIR, PLUM, AURORA),
    12: (CANYON, FOREST, GLACIER, HARBOUR, DUSK),
    10759: (EMBER, STEEL, CANYON),
    28: (EMBER, STEEL, COSMOS, HARBOUR),
    53: (NOIR, BLOOD, STEEL, TOXIC),
    10749: (ROSE, DUSK, CANYON),
    35: (BAUHAUS, SORBET, CANDY, LAGOON),
    18: (SLATE, RUST, PLUM, MOSS, HARBOUR, FOG),
}
