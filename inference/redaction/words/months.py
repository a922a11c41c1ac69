"""Names of the months, as stems that cover abbreviations, cases and lenition."""

from __future__ import annotations

from typing import Final

from . import Table

TABLE: Final[Table] = {
    "bg": "яну; фев; мар; апр; май; юни; юли; авг; сеп; окт; ное; дек",
    "cs": "led; únor; břez; dub; květ; červ; srp; září; říj; list; pros",
    "da": "jan; feb; mar; apr; maj; jun; jul; aug; sep; okt; nov; dec",
    "de": "jan; jän; feb; mär; maer; apr; mai; jun; jul; aug; sep; okt; nov; dez",
    "el": "ιαν; φεβ; μαρ; απρ; μαι; ιουν; ιουλ; αυγ; σεπ; οκτ; νοε; δεκ",
    "en": "jan; feb; mar; apr; may; jun; jul; aug; sep; oct; nov; dec",
    "es": "ene; feb; mar; abr; may; jun; jul; ago; sep; oct; nov; dic",
    "et": "jaan; veeb; märts; apr; mai; juun; juul; aug; sep; okt; nov; dets",
    "fi": "tammi; helmi; maalis; huhti; touko; kesä; heinä; elo; syys; loka; marras; joulu",
    "fr": "janv; fév; mars; avr; mai; juin; juil; août; sept; oct; nov; déc",
    "ga": "ean; feabh; fheabh; márta; mhárta; aib; beal; bheal; meith; mheith; iúil; lún; meán f; deir; samh; shamh; noll",
    "hr": "sij; velj; ožu; trav; svib; lip; srp; kol; ruj; list; stud; pros",
    "hu": "jan; feb; márc; ápr; máj; jún; júl; aug; szep; okt; nov; dec",
    "it": "gen; feb; mar; apr; mag; giu; lug; ago; set; ott; nov; dic",
    "lt": "saus; vas; kov; bal; geg; birž; liep; rugp; rugs; spal; lapk; gruod",
    "lv": "jan; feb; mar; apr; mai; jūn; jūl; aug; sep; okt; nov; dec",
    "mt": "jan; fra; mar; apr; mej; ġun; lul; aww; set; ott; nov; diċ",
    "nl": "jan; feb; maart; mrt; apr; mei; jun; jul; aug; sep; okt; nov; dec",
    "pl": "sty; lut; mar; kwi; maj; cze; lip; sie; wrz; paź; lis; gru",
    "pt": "jan; fev; mar; abr; mai; jun; jul; ago; set; out; nov; dez",
    "ro": "ian; feb; mar; apr; mai; iun; iul; aug; sep; oct; noi; dec",
    "sk": "jan; feb; mar; apr; máj; jún; júl; aug; sep; okt; nov; dec",
    "sl": "jan; feb; mar; apr; maj; jun; jul; avg; sep; okt; nov; dec",
    "sv": "jan; feb; mar; apr; maj; jun; jul; aug; sep; okt; nov; dec",
    "no": "jan; feb; mar; apr; mai; jun; jul; aug; sep; okt; nov; des",
    "is": "jan; feb; mar; apr; maí; jún; júl; ágú; sep; okt; nóv; des",
}
