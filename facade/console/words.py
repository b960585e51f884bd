"""The words of the pages, in French and English."""

from __future__ import annotations

from collections.abc import Callable

Word = Callable[[str], str]

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Console de démonstration", "Demonstration console"),
    "skip": ("Aller au contenu", "Skip to the content"),
    "other-language": ("English", "Français"),
    "nav": ("Pages", "Pages"),
    "home": ("Choisir", "Choose"),
    "record": ("Documents", "Documents"),
    "history": ("Historique des accès", "Access history"),
    "alerts": ("Supervision", "Supervision"),
    "policy": ("Politique d'accès", "Access policy"),
    "obligations": ("Obligations d'alimentation", "Feeding obligations"),
    "mailbox": ("Boîtes aux lettres", "Mailboxes"),
    "choose": ("Qui lit quel dossier ?", "Who reads which record?"),
    "choose.note": (
        "Chaque page est la réponse de l'API au lecteur choisi: rien n'y est ajouté, chaque accès laisse une trace.",
        "Each page is what the FHIR API answered to the reader chosen: nothing is added, every access leaves a trace.",
    ),
    "reader": ("Lecteur", "Reader"),
    "patient": ("Patient", "Patient"),
    "purpose": ("Motif d'accès", "Purpose of use"),
    "purpose.normal": ("Normal", "Normal"),
    "purpose.bris_de_glace": ("Bris de glace", "Break the glass"),
    "purpose.centre_15": ("Centre 15", "Centre 15"),
    "reason": ("Motif énoncé (urgence)", "Reason stated (emergency)"),
    "see": ("Voir", "See"),
    "access": ("Accès au dossier", "Access to the record"),
    "permit": ("Permis", "Permitted"),
    "deny": ("Refusé", "Refused"),
    "rule": ("Règle", "Rule"),
    "basis": ("Fondement", "Basis"),
    "documents": ("Documents que ce lecteur voit", "Documents this reader sees"),
    "documents.none": ("Ce lecteur ne voit aucun document.", "This reader sees no document."),
    "document": ("Document", "Document"),
    "type": ("Type", "Type"),
    "date": ("Date", "Date"),
    "author": ("Auteur", "Author"),
    "masks": ("Masquages", "Masks"),
    "masks.none": ("aucun", "none"),
    "why": ("Pourquoi", "Why"),
    "acts": ("Actes", "Acts"),
    "MASQUE_PS": ("masqué aux professionnels", "masked to professionals"),
    "INVISIBLE_PATIENT": ("invisible au patient", "hidden from the patient"),
    "INVISIBLE_REPRESENTANTS_LEGAUX": ("invisible aux représentants", "hidden from representatives"),
    "on.MASQUE_PS": ("Masquer aux professionnels", "Mask to professionals"),
    "off.MASQUE_PS": ("Démasquer", "Unmask"),
    "on.INVISIBLE_PATIENT": ("Rendre invisible au patient", "Hide from the patient"),
    "off.INVISIBLE_PATIENT": ("Rendre visible au patient", "Show to the patient"),
    "on.INVISIBLE_REPRESENTANTS_LEGAUX": ("Rendre invisible aux représentants", "Hide from representatives"),
    "off.INVISIBLE_REPRESENTANTS_LEGAUX": ("Rendre visible aux représentants", "Show to representatives"),
    "publish": ("Publier un compte rendu d'exemple", "Publish a sample report"),
    "sample-title": ("Compte rendu d'exemple", "Sample report"),
    "download": ("Ouvrir", "Open"),
    "done.ok": ("C'est fait.", "Done."),
    "done.refused": ("Refusé.", "Refused."),
    "refused": ("L'API a refusé", "The API refused"),
    "history.none": ("Ce lecteur ne voit aucune trace.", "This reader sees no trace."),
    "trace.ok": ("permis", "permitted"),
    "trace.refused": ("refusé", "refused"),
    "trace.unknown": ("issue inconnue", "outcome unknown"),
    "alerts.none": ("Aucune alerte.", "No alert."),
    "alert": ("Alerte", "Alert"),
    "person": ("Professionnel", "Professional"),
    "status": ("État", "Status"),
    "period": ("Période", "Period"),
    "active": ("ouverte", "open"),
    "inactive": ("close", "closed"),
    "form-expired": (
        "Ce formulaire n'est pas celui de cette page: rechargez-la et recommencez.",
        "This form is not that of this page: load it again and retry.",
    ),
    "unknown-choice": ("Ce choix n'existe pas.", "There is no such choice."),
    "footer": ("Données fictives. Démonstration seulement.", "Fictitious data. Demonstration only."),
}


def words(language: str) -> Word:
    """The words in ``fr`` or ``en``; a word that has no translation is shown as it is."""
    place = 0 if language == "fr" else 1
    return lambda key: _WORDS[key][place] if key in _WORDS else key
